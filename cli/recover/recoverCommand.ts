import { recoverKnowingly } from "../../automation/recover/recoverKnowingly.js";
import { endingTexts, stopOnSignals } from "../../automation/update/stopping.js";
import { confirmationOf } from "../../migration/move/confirmation.js";
import { shownJson } from "../../migration/text/shown.js";
import type { CommonOptions, Subcommand, Terminal } from "../command.js";
import { recoverAsText, recoverExitCode } from "./recoverAnswer.js";

interface RecoverOptions extends CommonOptions {
  yes: boolean;
}

/** `kiam-migrate recover`: takes up a stack whose last update was cut short. */
export const recoverCommand: Subcommand<RecoverOptions> = {
  name: "recover",
  summary:
    "clear what an update has left that was cut short, once every worker is in a known state",
  declare: (command) =>
    command
      .description(
        "After an engine was killed its lock stays, and what it was doing stays pending. Shows what was under " +
          "way, and what becomes of it; asks; waits for gates that still run; looks at the workers that may " +
          "be half-way, and only if each is in a known state clears the lock and what is pending. What the " +
          "engine was making is taken over. Afterwards migrate or rollback goes on.",
      )
      .option("--yes", "go on without a question", false)
      .addHelpText(
        "after",
        `
It never takes away the lock of an update that may be running: run it on the host on
which that update ran.`,
      ),
  async run(options, terminal) {
    const { stack, yes } = options;
    const { progress } = terminal;
    const answer = await recoverKnowingly(options, {
      progress,
      whileUpdating: (work) => stopOnSignals(progress, work, endingTexts),
      objection: () => refusedBecause(stack, yes, terminal),
    });
    terminal.answer(options.json ? shownJson(answer, 2) : recoverAsText(answer));
    return recoverExitCode(answer);
  },
};

async function refusedBecause(
  stack: string,
  yes: boolean,
  { ask }: Terminal,
): Promise<string | undefined> {
  if (yes) return undefined;
  if (ask === undefined) return "There is no terminal to ask at: pass --yes. Nothing was touched.";
  const { question, accepts } = confirmationOf(stack, `Clear what it has left of stack ${stack}`);
  return accepts(await ask(question)) ? undefined : "It was not approved. Nothing was touched.";
}
