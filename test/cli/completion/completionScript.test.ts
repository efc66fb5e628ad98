import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";

import { silentProgress } from "../../../automation/progress.js";
import { completionScript, type Shell } from "../../../cli/completion/completionScript.js";
import { commandLine } from "../../../cli/main.js";
import { needsCommands } from "../../support/requirements.js";

/*
 * The script in a real shell, asked as the shell asks it. In zsh what offers words (compadd, _files)
 * is replaced by what prints them: its completion itself needs a terminal.
 */

const terminal = { answer: () => {}, progress: silentProgress };
const program = commandLine(terminal, () => {});

/** What is done after the script was read, with the words of the command line in `"$@"`. */
const asked: Record<Shell, string> = {
  bash: `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kiam_migrate; printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: `words=("$@"); CURRENT=$#
compadd() { shift; for word in "$@"; do [[ $word == "\${words[CURRENT]}"* ]] && print -r -- "$word"; done; true }
_files() { print -rl -- */ }
_kiam_migrate`,
};
/** What a shell without its completion system lacks. */
const lacking: Record<Shell, string> = { bash: "", zsh: "compdef() { true }\n" };

for (const shell of ["bash", "zsh"] as const) {
  describe(`completion for ${shell}`, function () {
    let directory: string;

    before(async function () {
      needsCommands(this, [shell]);
      directory = await mkdtemp(join(tmpdir(), "kiam-completion-"));
      await mkdir(join(directory, "stacks"));
      await mkdir(join(directory, "groups"));
      for (const stack of ["staging", "production"]) {
        await writeFile(join(directory, `stacks/Pulumi.${stack}.yaml`), "");
      }
    });

    after(async () => {
      if (directory) await rm(directory, { recursive: true });
    });

    async function offered(...words: string[]): Promise<string[]> {
      const script = `${lacking[shell]}${completionScript(program, shell)}\n${asked[shell]}`;
      const args = ["-c", script, shell, "kiam-migrate", ...words];
      // The shell's own start-up files may ask, print or complete what they like.
      const { stdout } = await execa(shell, shell === "zsh" ? ["-f", ...args] : args, {
        cwd: directory,
      });
      return stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.replace(/\/$/, ""))
        .sort();
    }

    it("offers the commands", async () => {
      const names = program.commands.map((command) => command.name());
      assert.deepEqual(await offered(""), ["--help", ...names].sort());
      assert.deepEqual(await offered("pe"), ["permitted"]);
    });

    it("offers the options of the command", async () => {
      assert.deepEqual(await offered("plan", "--s"), ["--stack", "--stage"]);
      const audit = await offered("audit", "--stack", "x", "--no");
      assert.deepEqual(audit, ["--no-iam", "--no-log", "--no-ssh"]);
    });

    it("offers what an option may be: stages, stacks, directories", async () => {
      assert.deepEqual(await offered("audit", "--stage", "c"), ["cutover"]);
      assert.deepEqual(await offered("trust", "--stack", ""), ["production", "staging"]);
      assert.deepEqual(await offered("new-nodes", "--directory", ""), ["groups", "stacks"]);
      assert.deepEqual(await offered("completion", ""), ["--help", "bash", "zsh"]);
    });
  });
}
