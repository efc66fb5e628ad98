import { stages, type Stage } from "../stages.js";

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
