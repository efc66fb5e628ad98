import type { CapturedRule } from "../../migration/rules/natRule.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import { rehearsalOf } from "../../migration/plan/cutoverRecord.js";
import { readRecord, writeRecord } from "../nodes/cutoverRecord.js";
import type { Probe } from "../protocol/inputs.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { proveLive } from "../probe/live.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError, problemsOf, type Problem } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";

export interface Cutover {
  target: Target;
  worker: Worker;
  probe: Probe;
  /** kube2iam's rules as captured; none where the worker never had kube2iam. */
  rules: CapturedRule[];
}

/**
 * The end of a cutover that could not be proven: puts kube2iam's rule back in front, proves that,
 * and throws what was wrong before, with how the way back went.
 */
export async function giveUp(cluster: Cluster, cutover: Cutover, error: unknown): Promise<never> {
  const { worker, rules } = cutover;
  const problems = problemsOf(error, `node ${worker.name}`);
  if (rules.length === 0) {
    throw new GateError(
      `${worker.name} could not be proven to be served by kiam, and it has no kube2iam to go back to`,
      problems,
      { cause: error },
    );
  }
  progress(`${worker.name}: not proven, putting kube2iam's rule back`);
  const undo = await putBack(cluster, cutover);
  throw new GateError(
    undo.length === 0
      ? `The cutover of ${worker.name} could not be proven; the worker is back on kube2iam`
      : `The cutover of ${worker.name} could not be proven, and the worker is NOT proven to be back on kube2iam: look at it now`,
    [...problems, ...undo],
    { cause: error },
  );
}

/** Puts kube2iam's rule back in front and proves that. What did not work is returned; none = back. */
async function putBack(
  cluster: Cluster,
  { target, worker, probe, rules }: Cutover,
): Promise<Problem[]> {
  try {
    const nodeRules = await NodeRules.read(cluster, target);
    const refused = reportProblemsOf(worker, await nodeRules.restore(worker, rules));
    if (refused.length > 0) return refused;
    // From here on kube2iam's rule is first again, so the next run has to cut over anew.
    await recordUndone(cluster, worker.name);
    await proveLive(cluster, { target, worker, probe, system: "kube2iam" });
    return [];
  } catch (error) {
    return problemsOf(error, `node ${worker.name}, going back to kube2iam`);
  }
}

async function recordUndone(cluster: Cluster, worker: string): Promise<void> {
  const last = await readRecord(cluster, worker);
  await writeRecord(cluster, worker, {
    undone: new Date().toISOString(),
    ...rehearsalOf(last),
  });
}
