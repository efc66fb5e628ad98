import { lookAtWorkers } from "../../automation/recover/lookAtWorkers.js";
import type { Clearing } from "../../automation/recover/recoverStack.js";
import { withPulumi } from "../../automation/stack/pulumiFailure.js";
import { readStackSettings } from "../../automation/stack/stackConfig.js";
import { stopOnSignals } from "../../automation/update/stopping.js";
import { confirmationOf } from "../../migration/move/confirmation.js";
import { commandsAfterRecovery } from "../../migration/move/outcome.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { Stage } from "../../migration/stages.js";
import { shown, shownJson } from "../../migration/text/shown.js";
import { fromHere, type CommonOptions, type Subcommand, type Terminal } from "../command.js";
import { loadOpenStack, loadRecoverStack } from "../late.js";
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
    const recovered = await recover(options, terminal);
    const answer = { ...recovered, next: fromHere(recovered.next, options) };
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
  const { openExistingStack } = loadOpenStack();
  const { clearLeft, describeLeft, findLeft, workersOf } = loadRecoverStack();
  const stack = await withPulumi(name, cwd, () => openExistingStack(name, cwd));
  const found = await progress.run("looking at what was under way", () =>
    withPulumi(name, cwd, () => findLeft(stack)),
  );
  if (found.is === "locked") {
    const next = [`${command("status")} --watch`];
    return { ...begin, outcome: "locked", said: shown(found.message), next };
  }
  if (found.is === "nothing") {
    const said = `No update of stack ${name} was cut short: there is nothing to recover from.`;
    return { ...begin, outcome: "nothing-to-do", said, next: [command("status")] };
  }
  const left = describeLeft(found);
  progress.note(
    [`The last update of stack ${name} was cut short. It has left:`, ...left].join("\n"),
  );
  const seen = { ...begin, left, workers: workersOf(found.interruption) };
  const settings = parseSettings(await readStackSettings(name, cwd));
  const refusal = await refusedBecause(name, yes, terminal);
  if (refusal !== undefined) {
    return { ...seen, outcome: "declined", said: refusal, next: [command("recover")] };
  }
  const look = lookAtWorkers(settings);
  const clearing = await stopOnSignals(progress, (signal) =>
    clearLeft(stack, found, { look, progress, signal }),
  );
  return { ...seen, ...clearedAnswer(name, settings.stage, clearing) };
}

function clearedAnswer(
  stack: string,
  settings: Stage,
  clearing: Clearing,
): Pick<RecoverAnswer, "outcome" | "said" | "next"> & Partial<RecoverAnswer> {
  const { outcome } = clearing;
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${stack}`;
  switch (outcome) {
    case "recovered": {
      const { workers, deleting, stage } = clearing;
      const said = `What that update of stack ${stack} had left is cleared. Now end what it had begun.`;
      const next = commandsAfterRecovery({ stack, settings, stage, deleting });
      return { outcome, workers, said, next };
    }
    case "refused":
      return {
        outcome,
        said: shown(clearing.message),
        next: [command("status"), command("recover")],
      };
    case "locked":
      return { outcome, said: shown(clearing.message), next: [`${command("status")} --watch`] };
    case "failed":
      return {
        outcome,
        said: `${shown(clearing.message)}\nWhat that update of stack ${stack} had left is cleared, but what it was making is not all taken over. Where the next update says that an object exists, delete that object: nothing uses it yet.`,
        next: [`${command("migrate")} --to ${settings}`, command("status")],
      };
  }
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
