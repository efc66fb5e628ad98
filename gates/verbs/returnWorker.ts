import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { GateError } from "../problem.js";
import { progress } from "../progress.js";

/**
 * The end of a cutover that is taken back: kube2iam's rule comes first again. The removal's own
 * undo has seen to that, but not where the removal is not in the state: one whose connection was
 * cut may have been done, and a worker that was born without kube2iam has none.
 */
export async function returnWorker({
  target,
  worker,
  rules: captured,
}: CheckedInput<"return-worker">): Promise<GateOutput<"return-worker">> {
  const cluster = await Cluster.connect(target.kubernetes);
  if ((await cluster.node(worker.name)) === undefined) {
    progress(`${worker.name} is no longer in the cluster; nothing to return`);
    return { returned: false };
  }
  const nodeRules = await NodeRules.read(cluster, target);
  if (captured.length === 0 && nodeRules.pod("kube2iam", worker) === undefined) {
    return { returned: false };
  }
  const { after, kube2iamRule } = await nodeRules.inspect(worker);
  if (after.inForce === "kube2iam") return { returned: false };
  const rules = captured.length > 0 || kube2iamRule === null ? captured : [kube2iamRule];
  const problems = reportProblemsOf(worker, await nodeRules.restore(worker, rules));
  if (problems.length > 0) {
    throw new GateError(`kube2iam's rule is not in front on ${worker.name}`, problems);
  }
  progress(`${worker.name}: kube2iam's rule comes first again`);
  return { returned: true };
}
