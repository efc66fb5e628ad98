import type { NodeReport } from "../migration/nodeReport.js";
import type { Cluster } from "./cluster.js";
import type { Target, Worker } from "./inputs.js";
import { NodeRules } from "./nodeRules.js";
import { GateError } from "./problem.js";
import { Deadline, waitFor } from "./wait.js";

/** Waits until kube2iam has inserted its rule on that worker, as it does when it starts. */
export async function waitForKube2iamRule(
  cluster: Cluster,
  target: Target,
  worker: Worker,
): Promise<NodeReport> {
  const rules = await NodeRules.read(cluster, target);
  const look = await waitFor<NodeReport, NodeReport>(
    Deadline.after(target.timeoutSeconds),
    async () => {
      const report = await rules.inspect(worker);
      return report.after.kube2iam.length > 0 ? { done: report } : { pending: report };
    },
    1000,
  );
  if ("done" in look) return look.done;
  throw new GateError(`kube2iam did not insert its rule on ${worker.name}`, [
    {
      where: `node ${worker.name}`,
      what: `no rule leads to ${worker.hostIp}:${target.kube2iam.port}, ${target.timeoutSeconds} s after its pod was ready`,
      fix: "see that pod's log; kube2iam inserts its rule only with --iptables=true",
    },
  ]);
}
