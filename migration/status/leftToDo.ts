import type { ClusterFacts } from "../facts/clusterFacts.js";
import { movesToKiam, plannedWorkers, type Plan, type PlannedWorker } from "../plan/plan.js";
import type { WorkerStep } from "../plan/steps.js";
import { reaches } from "../stages.js";
import { own } from "../text/text.js";
import type { StateResource } from "./stackState.js";

/** A step of the plan; or that the worker goes back to kube2iam, or that kube2iam's pod goes. */
export type LeftToDo = WorkerStep | "way-back" | "kube2iam-pod-goes";

/** The resource that stands for a step, once it is done, behind the worker's name. */
export const resourceOfStep: Record<WorkerStep, string> = {
  "shadow-probe": "shadow",
  return: "return",
  "ask-host-key": "cutover-host-key",
  capture: "cutover-capture",
  recheck: "cutover-recheck",
  "remove-rule": "cutover-removal",
  "rehearse-undo": "cutover-rehearsal-removal",
  "live-probe": "cutover-live",
};

/** Steps that a new generation of the worker's cutover runs again. */
const ofGeneration: ReadonlySet<WorkerStep> = new Set(["recheck", "remove-rule", "live-probe"]);

/**
 * What the next update has to do on each worker of the plan, by name, in order: what is planned and
 * not in the state, or was done for another generation of its cutover.
 */
export function leftToDo(
  plan: Plan,
  resources: readonly StateResource[],
  { kube2iam }: Pick<ClusterFacts, "kube2iam">,
): Map<string, LeftToDo[]> {
  const byName = new Map(resources.map((each) => [each.name, each]));
  const goesBack = (worker: PlannedWorker) =>
    !reaches(plan.stage, "cutover") && byName.has(`${worker.name}-cutover-recheck`);
  const losesPod = (worker: PlannedWorker) =>
    reaches(plan.stage, "retire") &&
    movesToKiam(worker) &&
    own(kube2iam?.pods, worker.name) !== undefined;
  return new Map(
    plannedWorkers(plan).map((worker): [string, LeftToDo[]] => [
      worker.name,
      [
        ...worker.steps.filter((step) => !isDone(step, worker, byName)),
        ...(goesBack(worker) ? (["way-back"] as const) : []),
        ...(losesPod(worker) ? (["kube2iam-pod-goes"] as const) : []),
      ],
    ]),
  );
}

function isDone(
  step: WorkerStep,
  { name, generation, held }: PlannedWorker,
  resources: ReadonlyMap<string, StateResource>,
): boolean {
  const resource = resources.get(`${name}-${resourceOfStep[step]}`);
  if (resource === undefined) return false;
  if (held || !ofGeneration.has(step)) return true;
  return [resource.stdin, resource.create].some((text) => text?.includes(generation));
}
