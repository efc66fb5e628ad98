import type { Plan } from "../migration/plan/plan.js";
import type { Stage } from "../migration/stages.js";

/** What a move would do, as it is shown before it is approved. */
export interface PlannedUpdates {
  /** Name of the stack. */
  stackName: string;
  /** Stands for all that would be done; see migration/move/plannedMove.ts. */
  id: string;
  /** Passed through in order, each by an update of its own. */
  stages: Stage[];
  /** Whether everything is taken away at the end. */
  all: boolean;
  /** At the last stage. */
  plan: Plan;
  /** Number of findings that stop nothing and should be looked at. */
  warnings: number;
}

/** What happens while a stack is moved, for programs. For people: progress.ts. */
export type MoveEvent =
  /** It is known what would be done. Nothing was begun. */
  | { type: "planned"; planned: PlannedUpdates }
  /** The update at a stage begins; `nothing` where everything is taken away. */
  | { type: "stage-begun"; at: Stage | "nothing"; number: number; of: number }
  /** That update has ended, and all its gates have passed. */
  | { type: "stage-done"; at: Stage | "nothing"; milliseconds: number; steps: string[] }
  /** How far the workers are. Expected: until the last one is through, once that can be told. */
  | {
      type: "workers";
      at: Stage;
      wave: { name: string; number: number; of: number } | undefined;
      done: number;
      of: number;
      expectedMilliseconds: number | undefined;
    }
  /** The engine has created, changed or removed a resource, such as `DaemonSet kiam-agent`. */
  | { type: "resource"; operation: string; what: string };

/** Is told what happens. */
export type OnMoveEvent = (event: MoveEvent) => void;
