import type { Stage } from "../../migration/stages.js";
import type { PlannedUpdates } from "../events.js";
import { approvedById, declined, type Approval } from "../move/approval.js";
import type { Destination } from "../move/destination.js";
import type { MoveAnswer } from "../move/moveAnswer.js";
import { moveStack } from "../move/moveStack.js";
import type { Looks } from "../look/look.js";
import { recoverKnowingly, type RecoverAnswer } from "../recover/recoverKnowingly.js";
import { UpdateFailedError } from "../update/watchedUpdate.js";
import {
  BlockedError,
  CutShortError,
  MoveFailedError,
  NotApprovedError,
  NotRecoveredError,
  OtherPlanError,
  StackLockedError,
  StoppedError,
} from "./errors.js";
import { looksOf, placeOf, refuseStopped, type AuditOptions, type Stoppable } from "./looking.js";
import { eventProgress, running, type Running } from "./running.js";
import type { MigrationStack } from "./stack.js";

/**
 * What may be done: the plan with this id; what a function says yes to; with `true`, whatever is
 * planned when it runs.
 */
export type Approve<Shown> = string | true | ((shown: Shown) => boolean | Promise<boolean>);

interface StoppableAtOnce extends Stoppable {
  /** Aborted to end at once what is under way: the engine cancels it, and writes its state. */
  atOnce?: AbortSignal;
}

export interface MigrateOptions extends StoppableAtOnce, Pick<AuditOptions, "iam" | "log" | "ssh"> {
  /** The stage to end at. */
  to: Stage;
  approve: Approve<PlannedUpdates>;
}

export type RollbackOptions = StoppableAtOnce & {
  approve: Approve<PlannedUpdates>;
} & (
    | { /** The stage to end at. */ to: Stage; all?: false }
    | { to?: undefined; /** Takes everything away: as before the migration. */ all: true }
  );

/** A move that ended where it was to end. */
export type MoveDone = MoveAnswer & { outcome: "done" | "nothing-to-do" };

/**
 * Moves the cluster forward: audit, plan, approval, and one stage after the other. Rejects with the
 * errors of errors.ts, and with WrongWayError where the stage lies behind.
 */
export function migrate(stack: MigrationStack, options: MigrateOptions): Running<MoveDone> {
  const { to } = options;
  return move(stack, { to, back: false, all: false }, looksOf(options), options);
}

/** Takes the cluster back, one stage after the other. Rejects as migrate does. */
export function rollback(stack: MigrationStack, options: RollbackOptions): Running<MoveDone> {
  const { to = "prepare", all = false } = options;
  return move(stack, { to, back: true, all }, {}, options);
}

function move(
  stack: MigrationStack,
  destination: Destination,
  looks: Looks,
  { approve, signal, atOnce }: StoppableAtOnce & { approve: Approve<PlannedUpdates> },
): Running<MoveDone> {
  return running(async (emit) => {
    const goOn = untilUpdating(stack, signal, atOnce);
    const { answer, cause } = await moveStack(placeOf(stack), destination, looks, {
      progress: eventProgress(emit, goOn.check),
      onEvent: emit,
      whileUpdating: goOn.whileUpdating,
      asShown: approve !== true,
      async approve(planned, sayings): Promise<Approval> {
        goOn.check();
        if (typeof approve === "string") return approvedById(approve, { id: planned.id, sayings });
        if (approve === true || (await approve(planned))) return { granted: true };
        return declined("It was not approved.");
      },
    });
    const { outcome } = answer;
    if (outcome === "done" || outcome === "nothing-to-do") return { ...answer, outcome };
    throw errorOf(answer, outcome, cause);
  });
}

/** Before an update, a signal ends everything at once; then the update itself is asked to stop. */
function untilUpdating(
  stack: MigrationStack,
  signal: AbortSignal | undefined,
  atOnce?: AbortSignal,
) {
  let updating = false;
  return {
    check: () => {
      if (updating) return;
      refuseStopped(stack, signal);
      refuseStopped(stack, atOnce);
    },
    whileUpdating: <T>(
      updates: (signal: AbortSignal | undefined, atOnce: AbortSignal | undefined) => Promise<T>,
    ): Promise<T> => {
      updating = true;
      return updates(signal, atOnce);
    },
  };
}

/** What a script gets for a move that ended early. */
export function errorOf(
  answer: MoveAnswer,
  outcome: Exclude<MoveAnswer["outcome"], MoveDone["outcome"]>,
  cause: unknown,
): Error {
  const { stack: stackName, said: message, next, planId, moves, stages, all } = answer;
  const told = { stackName, message, next, cause };
  const howFar = {
    at: [...stages, ...(all ? (["nothing"] as const) : [])][moves.length],
    moves,
    steps: cause instanceof UpdateFailedError ? cause.steps : [],
  };
  switch (outcome) {
    case "blocked": {
      const { stage, findings } = answer.blocked ?? { stage: undefined, findings: [] };
      return new BlockedError(told, stage, findings);
    }
    case "declined":
      return new NotApprovedError(told, planId);
    case "other-plan":
      return new OtherPlanError(told, planId ?? "", answer.differences);
    case "locked":
      return new StackLockedError(told);
    case "cut-short":
      return new CutShortError(told);
    case "stopped":
      return new StoppedError(told, howFar);
    case "failed":
      return new MoveFailedError(told, howFar);
  }
}

export interface RecoverOptions extends Stoppable {
  /** `true`, or a function that is shown what was left, an entry for each operation and lock. */
  approve: true | ((left: readonly string[]) => boolean | Promise<boolean>);
}

/** A recovery that had nothing to do, or has cleared what was left. */
export type Recovered = RecoverAnswer & { outcome: "nothing-to-do" | "recovered" };

/**
 * Clears what an update has left that was cut short, once every worker is in a known state. Rejects
 * with {@link NotRecoveredError}, {@link NotApprovedError}, or {@link StackLockedError}.
 */
export function recover(
  stack: MigrationStack,
  { approve, signal }: RecoverOptions,
): Running<Recovered> {
  return running(async (emit) => {
    const goOn = untilUpdating(stack, signal);
    const answer = await recoverKnowingly(placeOf(stack), {
      progress: eventProgress(emit, goOn.check),
      whileUpdating: goOn.whileUpdating,
      async objection(left) {
        goOn.check();
        const granted = approve === true || (await approve(left));
        return granted ? undefined : "It was not approved. Nothing was touched.";
      },
    });
    const { stack: stackName, said: message, next, outcome, workers, left } = answer;
    const told = { stackName, message, next };
    switch (outcome) {
      case "nothing-to-do":
      case "recovered":
        return { ...answer, outcome };
      case "declined":
        throw new NotApprovedError(told, undefined);
      case "locked":
        throw new StackLockedError(told);
      case "refused":
      case "failed":
        throw new NotRecoveredError(told, outcome, workers, left);
    }
  });
}
