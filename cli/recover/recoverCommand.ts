import { lookAtWorkers } from "../../automation/recover/lookAtWorkers.js";
import { readStackSettings } from "../../automation/stack/stackConfig.js";
import { stopOnSignals } from "../../automation/update/stopping.js";
import { confirmationOf } from "../../migration/move/confirmation.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { shown, shownJson } from "../../migration/text/shown.js";
import { messageOf } from "../../migration/text/text.js";
import type { CommonOptions, Subcommand, Terminal } from "../command.js";
import { inEngineWords } from "../look.js";
import { recoverAsText, recoverExitCode, type RecoverAnswer } from "./recoverAnswer.js";

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
    const answer = await recover(options, terminal);
    terminal.answer(options.json ? shownJson(answer, 2) : recoverAsText(answer));
    return recoverExitCode(answer);
  },
};

async function recover(
  { stack: name, cwd, yes }: RecoverOptions,
  terminal: Terminal,
): Promise<RecoverAnswer> {
  const { progress } = terminal;
  const begin = { stack: name, left: [], workers: [], next: [] };
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${name}`;
  const [{ openExistingStack }, recovery, { UpdateLockedError }] = await loadRecovery();
  const stack = await openExistingStack(name, cwd);
  const looked = await progress.run("looking at what was under way", () =>
    inEngineWords(`The state of stack ${name} could not be read by pulumi in ${cwd}`, async () => {
      try {
        return { left: await recovery.findLeft(stack), locked: undefined };
      } catch (error) {
        if (!(error instanceof UpdateLockedError)) throw error;
        return { left: undefined, locked: error };
      }
    }),
  );
  if (looked.locked !== undefined) {
    const next = [`${command("status")} --watch`];
    return { ...begin, outcome: "locked", said: shown(looked.locked.message), next };
  }
  const { left } = looked;
  if (left === undefined) {
    const said = `No update of stack ${name} was cut short: there is nothing to recover from.`;
    return { ...begin, outcome: "nothing-to-do", said, next: [command("status")] };
  }
  const described = recovery.describeLeft(left);
  progress.note(
    [`The last update of stack ${name} was cut short. It has left:`, ...described].join("\n"),
  );
  const seen = { ...begin, left: described, workers: recovery.workersOf(left) };
  const refusal = await refusedBecause(name, yes, terminal);
  if (refusal !== undefined) {
    return { ...seen, outcome: "declined", said: refusal, next: [command("recover")] };
  }
  const settings = parseSettings(await readStackSettings(name, cwd));
  try {
    const cleared = await stopOnSignals(progress, (signal) =>
      recovery.clearLeft(stack, left, { look: lookAtWorkers(settings), progress, signal }),
    );
    // What is still in the state is taken away by going back, what is not yet by going forward.
    const back = cleared.operations.some(({ operation }) => operation === "deleting");
    return {
      ...seen,
      workers: recovery.workersOf({ interruption: cleared }),
      outcome: "recovered",
      said: `What that update of stack ${name} had left is cleared. Now end what it had begun.`,
      next: [`${command(back ? "rollback" : "migrate")} --to ${settings.stage}`, command("status")],
    };
  } catch (error) {
    const next = [command("status"), command("recover")];
    return { ...seen, outcome: "refused", said: shown(messageOf(error)), next };
  }
}

/** Not needed for --help, and slow to load. */
function loadRecovery() {
  return Promise.all([
    import("../../automation/openStack.js"),
    import("../../automation/recover/recoverStack.js"),
    import("../../automation/recover/updateLock.js"),
  ]);
}

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
