import { join } from "node:path";

import { execa } from "execa";
import pWaitFor from "p-wait-for";

import { CHECKOUT } from "../../lab/paths.js";
import type { Session } from "./session.js";

/** The command line as a process of its own, at work on the lab's stack. */
interface RunningCommand {
  /** Waits until it has said so. */
  says(what: RegExp): Promise<void>;
  /** As a terminal does: every process in its foreground gets it. */
  typeCtrlC(): void;
  ended<Answer>(): Promise<{ exitCode: number | undefined; answer: Answer }>;
}

/** Runs `kiam-migrate` with the stack's settings as they are. */
export async function kiamMigrate(lab: Session, words: string[]): Promise<RunningCommand> {
  const { workspace } = await lab.stack("prepare");
  const command = execa(
    process.execPath,
    [join(CHECKOUT, "bin/kiam-migrate.mjs"), ...words, "--stack", "lab", "--json"],
    {
      cwd: workspace.workDir,
      env: {
        PATH: [join(lab.programs.engine.root, "bin"), process.env.PATH ?? ""].join(":"),
      },
      reject: false,
      // A process group of its own, as a terminal's foreground is.
      detached: true,
    },
  );
  let said = "";
  command.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  let hasEnded = false;
  void command.then(() => (hasEnded = true));
  return {
    async says(what) {
      await pWaitFor(() => what.test(said) || hasEnded, { interval: 50, timeout: 120_000 });
      if (!what.test(said)) throw new Error(`it has ended without ${String(what)}:\n${said}`);
    },
    typeCtrlC: () => void process.kill(-command.pid!, "SIGINT"),
    async ended<Answer>() {
      const { exitCode, stdout } = await command;
      if (stdout === "") throw new Error(said);
      return { exitCode, answer: JSON.parse(stdout) as Answer };
    },
  };
}
