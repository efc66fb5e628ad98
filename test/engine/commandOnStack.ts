import assert from "node:assert/strict";

import { silentProgress } from "../../automation/progress.js";
import { kiamMigrate } from "../../cli/main.js";

/** What kiam-migrate answers on the stack `test` of a directory, by arguments in one text. */
export class CommandOnStack {
  constructor(private readonly directory: string) {}

  /** @param ask what is typed at the question; undefined where there is no terminal */
  async run(args: string, ask?: () => Promise<string>) {
    const answers: string[] = [];
    const notes: string[] = [];
    const words = [...args.split(" "), "--stack", "test", "--cwd", this.directory];
    const exitCode = await kiamMigrate(words, {
      answer: (said) => void answers.push(said),
      progress: { ...silentProgress, note: (said) => void notes.push(said) },
      ...(ask === undefined ? {} : { ask }),
    });
    const stdout = answers.join("\n").replaceAll(` --cwd ${this.directory}`, "");
    return { exitCode, stdout, stderr: notes.join("\n") };
  }

  async json<Answer>(args: string, ask?: () => Promise<string>) {
    const { exitCode, stdout, stderr } = await this.run(`${args} --json`, ask);
    assert.notEqual(stdout, "", stderr);
    return { exitCode, answer: JSON.parse(stdout) as Answer };
  }
}
