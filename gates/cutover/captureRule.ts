import { unreadTables } from "../../cluster/rules/nodeRules.js";
import { readRecord } from "../nodes/cutoverRecord.js";
import { requireSameNode } from "../nodes/sameNode.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { errorOn } from "../protocol/progress.js";

/**
 * Reads kube2iam's rules on a worker, for the way back, through a pod there: it depends on no SSH
 * key or user, which change, but on the node alone. Where they are gone already, as on a worker
 * that was moved, the rule is derived from kube2iam's port and interface; where kube2iam never was,
 * there is none.
 */
export const captureRule: Gate<"capture-rule"> = async ({ target, worker }) => {
  const context = await GateContext.connect(target);
  await requireSameNode(context, worker);
  const rules = await context.rules();
  const runsKube2iam = rules.pod("kube2iam", worker) !== undefined;
  const report = await rules.inspect(worker);
  const unread = unreadTables(report);
  if (unread !== undefined) {
    throw errorOn(worker, `kube2iam's rule on ${worker.name} cannot be read`, {
      what: unread,
      why: "without it there is no way back",
    });
  }
  const { kube2iamRules, kube2iamRule } = report;
  if (kube2iamRules.length > 0) return { rules: kube2iamRules };
  const never = !runsKube2iam && (await readRecord(context, worker.name)) === undefined;
  return { rules: kube2iamRule === null || never ? [] : [kube2iamRule] };
};
