import { Cluster } from "../cluster.js";
import { readRecord, removeRecord } from "../cutoverRecord.js";
import type { CheckedInput, GateOutput, Target, Worker } from "../inputs.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { GateError } from "../problem.js";
import { progress } from "../progress.js";

/**
 * Removes the record of a worker's cutover. A node that has left the cluster has none.
 *
 * A worker that was born without kube2iam has no removal whose undo would put a rule back: where
 * kube2iam has come to it since, that is done here.
 */
export async function forgetWorker({
  target,
  worker,
}: CheckedInput<"forget-worker">): Promise<GateOutput<"forget-worker">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const record = await readRecord(cluster, worker.name);
  if (record !== undefined && "generation" in record && record.kiamOnly === true) {
    await giveToKube2iam(cluster, target, worker);
  }
  const forgotten = await removeRecord(cluster, worker.name);
  if (!forgotten) progress(`${worker.name} is no longer in the cluster; nothing to forget`);
  return { worker: worker.name, forgotten };
}

async function giveToKube2iam(cluster: Cluster, target: Target, worker: Worker): Promise<void> {
  const rules = await NodeRules.read(cluster, target);
  if (rules.pod("kube2iam", worker) === undefined) return;
  const { kube2iamRule } = await rules.inspect(worker);
  if (kube2iamRule === null) return;
  const problems = reportProblemsOf(worker, await rules.restore(worker, [kube2iamRule]));
  if (problems.length > 0) {
    throw new GateError(`kube2iam's rule is not in front on ${worker.name}`, problems);
  }
}
