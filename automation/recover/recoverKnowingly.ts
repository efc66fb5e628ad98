import { afterRecovery, whileLocked } from "../../migration/move/outcome.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { Stage } from "../../migration/stages.js";
import { shown } from "../../migration/text/shown.js";
import { loadOpenStack, loadRecoverStack } from "../late.js";
import { fromHere } from "../look/fromHere.js";
import type { StackPlace } from "../look/look.js";
import type { Carries } from "../move/carryOut.js";
import { withPulumi } from "../stack/pulumiFailure.js";
import { readStackSettings } from "../stack/stackConfig.js";
import { lookAtWorkers } from "./lookAtWorkers.js";
import type { Clearing } from "./recoverStack.js";

/** What came of it; what `kiam-migrate recover --json` prints. */
export interface RecoverAnswer {
  stack: string;
  /**
   * `nothing-to-do`: no update was cut short. `declined`: it was not approved. The others as Clearing has
   * them.
   */
  outcome: "nothing-to-do" | "declined" | Clearing["outcome"];
  said: string;
  /** What was under way, an entry for each operation and lock. */
  left: string[];
  /** Workers that may have been half-way, by name. */
  workers: string[];
  /** Commands to type next, the most sensible first. */
  next: string[];
}

/** How a recovery is approved and carried out. */
interface RecoverWays extends Pick<Carries, "progress" | "whileUpdating"> {
  /**
   * Says why what is left may not be cleared; undefined where it may.
   *
   * @param left a line or two for each thing
   */
  objection: (left: readonly string[]) => Promise<string | undefined>;
}

/** Looks at what an update has left that was cut short, and clears it where that is approved. */
export async function recoverKnowingly(
  place: StackPlace,
  ways: RecoverWays,
): Promise<RecoverAnswer> {
  const answer = await recover(place, ways);
  return { ...answer, next: fromHere(answer.next, place) };
}

async function recover(
  { stack: name, cwd }: StackPlace,
  { progress, whileUpdating, objection }: RecoverWays,
): Promise<RecoverAnswer> {
  const begin = { stack: name, left: [], workers: [], next: [] };
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${name}`;
  const { openExistingStack } = loadOpenStack();
  const { clearLeft, describeInterruption, findLeft, workersOf } = loadRecoverStack();
  const stack = await withPulumi(name, cwd, () => openExistingStack(name, cwd));
  const found = await progress.run("looking at what was under way", () =>
    withPulumi(name, cwd, () => findLeft(stack)),
  );
  if (found.is === "locked") {
    const next = whileLocked(name, found.byService);
    return { ...begin, outcome: "locked", said: shown(found.message), next };
  }
  if (found.is === "nothing") {
    const said = `No update of stack ${name} was cut short: there is nothing to recover from.`;
    return { ...begin, outcome: "nothing-to-do", said, next: [command("status")] };
  }
  const { interruption } = found;
  const left = describeInterruption(interruption);
  progress.note(
    [`The last update of stack ${name} was cut short. It has left:`, ...left].join("\n"),
  );
  const seen = { ...begin, left, workers: workersOf(interruption) };
  const settings = parseSettings(await readStackSettings(name, cwd));
  const refusal = await objection(left);
  if (refusal !== undefined) {
    return { ...seen, outcome: "declined", said: refusal, next: [command("recover")] };
  }
  const look = lookAtWorkers(settings);
  const clearing = await whileUpdating((signal) =>
    clearLeft(stack, interruption, { look, progress, signal }),
  );
  return { ...seen, ...clearedAnswer(name, settings.stage, clearing) };
}

/** What is answered once it was tried to clear it. */
export function clearedAnswer(
  stack: string,
  settings: Stage,
  clearing: Clearing,
): Pick<RecoverAnswer, "outcome" | "said" | "next"> & Partial<RecoverAnswer> {
  const { outcome } = clearing;
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${stack}`;
  switch (outcome) {
    case "recovered": {
      const { workers, deletions, stage } = clearing;
      const { next, why } = afterRecovery({ stack, settings, stage, deletions });
      const said = `What that update of stack ${stack} had left is cleared. Now end what it had begun.\n${shown(why)}`;
      return { outcome, workers, said, next };
    }
    case "refused":
      return {
        outcome,
        said: shown(clearing.message),
        next: [command("status"), command("recover")],
      };
    case "locked":
      return {
        outcome,
        said: shown(clearing.message),
        next: whileLocked(stack, clearing.byService),
      };
    case "failed": {
      const { message, deletions, stage } = clearing;
      const { next, why } = afterRecovery({ stack, settings, stage, deletions });
      const said = `${shown(message)}\nWhat that update of stack ${stack} had left is cleared, but what it was making is not all taken over. Where the next update says that an object exists, delete that object: nothing uses it yet.\n${shown(why)}`;
      return { outcome, said, next };
    }
  }
}
