import { stages, type Stage } from "../stages.js";
import type { StackStage } from "../status/stackState.js";
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
   * runs, or may. `cut-short`: the last update was, and nothing was touched now.
   */
  kind: "failed" | "stopped" | "locked" | "cut-short";
  message: string;
}

/** A move that ended early, with what there is to know of where it was going. */
interface EndedEarly extends Pick<MoveFailure, "kind" | "at"> {
  stack: string;
  /** The last stage of the route. */
  to: Stage;
  back: boolean;
  all: boolean;
}

/** The commands that go on from a move that ended early, the most sensible first. */
export function commandsAfter({ stack, kind, at, to, back, all }: EndedEarly): string[] {
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${stack}`;
  if (kind === "cut-short") return [command("recover")];
  if (kind === "locked") return [`${command("status")} --watch`];
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
  /** Whether a deletion was cut off. */
  deleting: boolean;
}

/**
 * The commands that end what an update had begun. A deletion is still in the state: going forward would
 * take the resource for untouched. It is of a way back, of everything's, or of a worker that has left.
 */
export function commandsAfterRecovery({ stack, settings, stage, deleting }: Recovered): string[] {
  const command = (rest: string) => `kiam-migrate ${rest} --stack ${stack}`;
  const forward = `${command("migrate")} --to ${settings}`;
  const status = command("status");
  if (liesBehind(stage, settings)) return [`${command("rollback")} --to ${settings}`, status];
  if (!deleting) return [forward, status];
  const back = `${command("rollback")} --all`;
  // Stage prepare has nothing of a worker.
  return stage.begun === "prepare" ? [back, forward, status] : [forward, back, status];
}
