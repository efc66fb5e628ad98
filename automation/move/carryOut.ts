import type { Decided } from "../../components/program.js";
import { commandsAfter, type MoveFailure } from "../../migration/move/outcome.js";
import {
  differences,
  PlanChangedError,
  sayingsOf,
  type Saying,
} from "../../migration/move/plannedMove.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { situationOf, type Situation } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import type { StateResource } from "../../migration/status/stackState.js";
import { shown } from "../../migration/text/shown.js";
import type { OnMoveEvent } from "../events.js";
import { loadMoveThrough, loadOpenStack } from "../late.js";
import type { Shows, StackPlace } from "../look/look.js";
import { withOrderlyStop } from "../update/orderlyStop.js";
import type { CompletedStep } from "../update/watchedUpdate.js";
import type { Destination } from "./destination.js";
import type { MoveAnswer } from "./moveAnswer.js";
import { MoveOverview } from "./overview.js";

/** Throws where what an update has decided is not what was approved. */
export type Check = (decided: Decided) => void;

/**
 * Holds the first update to what was seen: between the question and it, a node may join and rules may
 * change. What comes after it follows from it, and is held by its own gates.
 */
export function firstUpdateAsSeen(
  stack: string,
  { settings, facts }: Pick<Situation, "settings" | "facts">,
  [first]: readonly Stage[],
): Check {
  if (first === undefined) return () => {};
  const said = ({ settings, plan }: Decided) =>
    sayingsOf({ stack, stages: [first], all: false, plan, settings });
  const situation = situationOf({ ...settings, stage: first }, facts);
  let seen: Saying[] | undefined = said({ settings, plan: makePlan(situation) });
  return (decided) => {
    const differing = seen === undefined ? [] : differences(seen, said(decided));
    seen = undefined;
    if (differing.length > 0) throw new PlanChangedError(differing);
  };
}

/** What was approved, and what there was then. */
interface Approved {
  stages: readonly Stage[];
  /** Undefined where no plan was: then there is none to be held to. */
  check: Check | undefined;
  /** What was in the state. */
  resources: readonly StateResource[];
}

/** How updates are run: who is told of them, and what asks them to stop. */
export interface Carries extends Shows {
  /** Runs the updates, with what is aborted to stop them, and to end at once what is under way. */
  whileUpdating: <T>(
    updates: (signal: AbortSignal | undefined, atOnce: AbortSignal | undefined) => Promise<T>,
  ) => Promise<T>;
  onEvent?: OnMoveEvent;
}

/** Runs the updates, and says what came of them. */
export async function carryOut(
  { stack: name, cwd }: StackPlace,
  destination: Destination,
  { stages, check, resources }: Approved,
  { progress, whileUpdating, onEvent = () => {} }: Carries,
): Promise<Pick<MoveAnswer, "outcome" | "said" | "moves" | "next"> & { cause?: unknown }> {
  const { openExistingStack } = loadOpenStack();
  const { moveThrough } = loadMoveThrough();
  const overview = new MoveOverview(progress, resources, onEvent);
  const onStep = (step: CompletedStep) => {
    onEvent({ type: "resource", ...step });
    overview.see(step);
  };
  const route = { stages, all: destination.all };
  const { moves, failure, cause } = await whileUpdating((signal, atOnce) =>
    withOrderlyStop(signal, async (stop) => {
      const stack = await openExistingStack(name, cwd, {
        check(decided) {
          stop?.refuseIfAsked();
          check?.(decided);
          overview.begin(decided.plan);
        },
        begins: stop,
      });
      const signals = { stop, signal: atOnce };
      return moveThrough(stack, route, { progress, ...signals, onStep, onEvent });
    }),
  );
  const stopped = failure?.kind === "stopped";
  const soFar = stopped ? overview.soFar() : undefined;
  overview.end(failure === undefined ? "done" : stopped ? "stopped" : "failed");
  if (failure !== undefined) {
    const message = [failure.message, ...(soFar === undefined ? [] : [soFar])].join("\n");
    return { moves, cause, ...ended({ ...failure, message }, name, destination) };
  }
  const { to, all } = destination;
  return {
    outcome: "done",
    said: all ? `Stack ${name} is as before the migration.` : `Stack ${name} is at stage ${to}.`,
    moves,
    next: [`kiam-migrate status --stack ${name}`],
  };
}

/** A move that ended early. */
export function ended(
  failure: MoveFailure,
  stack: string,
  destination: Destination,
): Pick<MoveAnswer, "outcome" | "said" | "next"> {
  const { kind, at, message, byService } = failure;
  return {
    outcome: kind,
    said: shown(message),
    next: commandsAfter({ stack, kind, at, byService, ...destination }),
  };
}
