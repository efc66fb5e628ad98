import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { notInForce } from "../probe/live.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError } from "../../migration/text/problem.js";

/**
 * Sees after a pod of kube2iam's went that it did not take kiam's rule along. Where it did, the
 * rule is put back at once, and that it was gone is an error all the same.
 */
export async function requireKiamRule(
  cluster: Cluster,
  target: Target,
  worker: Worker,
): Promise<void> {
  const rules = await NodeRules.read(cluster, target);
  const report = await rules.inspect(worker);
  if (report.after.kiam.length > 0) {
    const problem = notInForce(worker, report, "kiam");
    if (problem === undefined) return;
    throw new GateError(`${worker.name} is not served by kiam`, [problem]);
  }
  const refused = reportProblemsOf(worker, await rules.ensure(worker));
  const back = refused.length === 0;
  throw new GateError(
    `kiam's rule went with kube2iam's pod on ${worker.name}; ${back ? "it is back" : "it is NOT back: look at this worker now"}`,
    [
      {
        where: `node ${worker.name}`,
        what: `no rule led to ${worker.hostIp}:${target.kiam.agentPort} after kube2iam's pod had gone`,
        why: "until it was back pods were given the node's own role, and SDKs keep such credentials for hours",
        fix: "restart the pods of this node that use AWS; see what deleted the rule (a preStop hook, something else on this node), then run again",
      },
      ...refused,
    ],
  );
}
