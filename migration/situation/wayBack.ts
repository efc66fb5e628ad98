import type { NodeFacts } from "../facts/clusterFacts.js";
import { isProven, parseCutoverRecord } from "../plan/cutoverRecord.js";
import type { Plan, PlannedWorker } from "../plan/plan.js";
import { reaches } from "../stages.js";

/**
 * A plan that goes back, without any step that asks kiam. That kiam supplies nothing may be the
 * reason to go back, and a gate that fails would stop the way back. A worker that is proven keeps
 * what stands for it as it is; of any other, only what leads to kube2iam is left.
 */
export function withoutAskingKiam(plan: Plan, nodes: readonly NodeFacts[]): Plan {
  const proven = new Set(
    nodes
      .filter((node) => isProven(parseCutoverRecord(node.cutoverAnnotation)))
      .map(({ name }) => name),
  );
  const left = (worker: PlannedWorker): PlannedWorker =>
    proven.has(worker.name)
      ? { ...worker, held: true }
      : { ...worker, steps: worker.steps.filter((step) => step === "return") };
  const moving = plan.waves.flatMap((wave) => wave.workers);
  // Nothing moves before stage cutover.
  const stays = reaches(plan.stage, "cutover")
    ? moving.filter(({ name }) => !proven.has(name))
    : [];
  return {
    ...plan,
    waves: plan.waves
      .map((wave) => ({
        ...wave,
        workers: wave.workers.filter((worker) => !stays.includes(worker)).map(left),
      }))
      .filter((wave) => wave.workers.length > 0),
    staying: plan.staying.map(left),
    waiting: [
      ...plan.waiting.map((waits) => ({ ...waits, worker: waits.worker && left(waits.worker) })),
      ...stays.map((worker) => ({
        name: worker.name,
        why: "this update goes back and asks kiam nothing; the next one moves it",
        accepted: true,
        worker: { ...left(worker), held: true },
      })),
    ],
  };
}
