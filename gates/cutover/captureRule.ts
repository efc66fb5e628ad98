import { Cluster } from "../../cluster/kubernetes/cluster.js";
import { readRecord } from "../nodes/cutoverRecord.js";
import type { Gate } from "../protocol/inputs.js";
import { NodeRules, unreadTables } from "../../cluster/rules/nodeRules.js";
import { GateError } from "../../migration/text/problem.js";
import { requireSameNode } from "../nodes/sameNode.js";

/**
 * Reads kube2iam's rules on a worker, for the way back, through a pod there: it depends on no SSH
 * key or user, which change, but on the node alone. Where they are gone already, as on a worker
 * that was moved, the rule is derived from kube2iam's port and interface; where kube2iam never was,
 * there is none.
 */
export const captureRule: Gate<"capture-rule"> = async ({ target, worker }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  await requireSameNode(cluster, worker);
  const nodeRules = await NodeRules.read(cluster, target);
  const runsKube2iam = nodeRules.pod("kube2iam", worker) !== undefined;
  const report = await nodeRules.inspect(worker);
  const unread = unreadTables(report);
  if (unread !== undefined) {
    throw new GateError(`kube2iam's rule on ${worker.name} cannot be read`, [
      {
        where: `node ${worker.name}`,
        what: unread,
        why: "without it there is no way back",
      },
    ]);
  }
  const { kube2iamRules, kube2iamRule } = report;
  if (kube2iamRules.length > 0) return { rules: kube2iamRules };
  const never = !runsKube2iam && (await readRecord(cluster, worker.name)) === undefined;
  return { rules: kube2iamRule === null || never ? [] : [kube2iamRule] };
};
