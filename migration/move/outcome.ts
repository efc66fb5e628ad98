import { stages, type Stage } from "../stages.js";
import type { StackStage } from "../status/stackState.js";
import { someOf } from "../text/text.js";
import { directionOf, type CutOffDeletion } from "./afterDeletion.js";
import { liesBehind } from "./route.js";

/** One update of a move, done. */
export interface StageMove {
  /** The stage that was reached; `nothing` where everything was taken away. */
  at: Stage | "nothing";
  milliseconds: number;
  /** What was done, in order, such as `create gate worker-1-cutover-live`. */
  steps: string[];
}

/** Why a move ended before its end. */
export interface MoveFailure {
  /** Where it was going. */
  at: Stage | "nothing";
  /**
   * `failed`: a gate or a resource did. `stopped`: as asked, by a signal. `locked`: another update
   * runs, or may. `cut-short`: the engine was gone before the update was over, this one or the last one;
   * of the last one, nothing was touched now.
   */
  kind: "failed" | "stopped" | "locked" | "cut-short";
  message: string;
  /** Whether a service such as Pulumi Cloud has that update in progress, until `pulumi cancel` or its lease's end. */
  byService?: boolean;
}

/** A move that ended early, with what there is to know of where it was going. */
interface EndedEarly extends Pick<MoveFailure, "kind" | "at" | "byService"> {
  stack: string;
  /** The last stage of the route. */
  to: Stage;
  back: boolean;
  all: boolean;
}

/** The commands while another update runs, or may run, the most sensible first. */
export function whileLocked(stack: string, byService = false): string[] {
  return [
    `kiam-migrate status --stack ${stack} --watch`,
    ...(byService ? [cancelCommand(stack)] : []),
  ];
}

/** Ends what a service such as Pulumi Cloud has in progress. */
export function cancelCommand(stack: string): string {
  return `pulumi cancel --stack ${stack}`;
}

/** The commands that go on from a move that ended early, the most sensible first. */
export function commandsAfter(ended: EndedEarly): string[] {
  const { stack, kind, at, byService, to, back, all } = ended;
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${stack}`;
  if (kind === "cut-short") {
    return [...(byService === true ? [cancelCommand(stack)] : []), command("recover")];
  }
  if (kind === "locked") return whileLocked(stack, byService);
  const status = command("status");
  if (back) return [`${command("rollback")} ${all ? "--all" : `--to ${to}`}`, status];
  const before = at === "nothing" ? undefined : stages[stages.indexOf(at) - 1];
  return [
    `${command("migrate")} --to ${to}`,
    ...(before === undefined
      ? [`${command("rollback")} --all`]
      : [`${command("rollback")} --to ${before}`]),
    status,
  ];
}

/** An update that was cut short and is recovered, with what there is to know of where it was going. */
interface Recovered {
  stack: string;
  /** Of the settings. */
  settings: Stage;
  /** Of the state. */
  stage: StackStage;
  /** What was being deleted. */
  deletions: readonly CutOffDeletion[];
}

/**
 * The commands that end what an update had begun, the most sensible first, and why these. A deletion is
 * still in the state: an update that declares the resource would take it for untouched.
 */
export function afterRecovery({ stack, settings, stage, deletions }: Recovered): {
  next: string[];
  why: string;
} {
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${stack}`;
  const forward = `${command("migrate")} --to ${settings}`;
  const all = `${command("rollback")} --all`;
  const status = command("status");
  if (liesBehind(stage, settings)) {
    const why = `It was on its way back to stage ${settings}.`;
    return { next: [`${command("rollback")} --to ${settings}`, status], why };
  }
  const names = someOf(deletions.map(({ what }) => what));
  if (deletions.length === 0) {
    return { next: [forward, status], why: `It was on its way to stage ${settings}.` };
  }
  switch (directionOf(settings, stage, deletions)) {
    case "forward":
      return {
        next: [forward, status],
        why: `It was on its way to stage ${settings}, and had come to what that no longer has: ${names}.`,
      };
    case "back":
      return {
        next: [all, status],
        why: `Everything was being taken away: ${names} may be gone, and going forward would take it for untouched.`,
      };
    case "unclear": {
      const why = `Whether everything was being taken away, or only ${names}, cannot be told. If the settings no longer have that, or have changed it, go forward. Else it may be gone, and going forward would take it for untouched: take everything away.`;
      // Stage prepare has nothing of a worker.
      return {
        next: stage.begun === "prepare" ? [all, forward, status] : [forward, all, status],
        why,
      };
    }
  }
}
