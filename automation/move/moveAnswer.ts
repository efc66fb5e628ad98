import type { Finding } from "../../migration/audit/finding.js";
import type { MoveFailure, StageMove } from "../../migration/move/outcome.js";
import type { Stage } from "../../migration/stages.js";

/** What came of a move; what `kiam-migrate migrate --json` and `rollback --json` print. */
export interface MoveAnswer {
  stack: string;
  /** The stages of the route, in order. */
  stages: Stage[];
  /** Whether everything was to be taken away at the end. */
  all: boolean;
  /** Undefined where nothing could be planned. */
  planId: string | undefined;
  /**
   * `nothing-to-do`: it is there already. `blocked`: findings stand in the way. `declined`: it was not
   * approved. `other-plan`: another plan was approved. The others as MoveFailure has them.
   */
  outcome: "done" | "nothing-to-do" | "blocked" | "declined" | "other-plan" | MoveFailure["kind"];
  /** What happened, in a sentence or two. */
  said: string;
  /** Findings that stand in the way, and the stage at which they do. */
  blocked: { stage: Stage; findings: Finding[] } | undefined;
  /** How the plan differs from the approved one. */
  differences: string[];
  /** The updates that succeeded. */
  moves: StageMove[];
  /** Commands to type next, the most sensible first. */
  next: string[];
}
