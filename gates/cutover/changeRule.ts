import { requireDone } from "../nodes/ruleReport.js";
import { requireSameNode } from "../nodes/sameNode.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";

/*
 * What the script of worker/rules/ does over SSH, through the agent's pod instead: for workers that
 * have no sshd, or whose host key no one can commit (workers.access: exec).
 */

/** Deletes kube2iam's rules, provided kiam's is there and healthy. */
export const removeRuleByExec: Gate<"remove-rule"> = async ({ target, worker }) => {
  const context = await GateContext.connect(target);
  await requireSameNode(context, worker);
  const report = await (await context.rules()).remove(worker, "kube2iam");
  requireDone(worker, report, `kube2iam's rule is not removed on ${worker.name}`);
  progress(`${worker.name}: kube2iam's rule is removed`);
  return { removed: report.removed.length };
};

/** Puts the captured rules back in front. */
export const restoreRuleByExec: Gate<"restore-rule"> = async ({ target, worker, rules }) => {
  const context = await GateContext.connect(target);
  await requireSameNode(context, worker);
  const report = await (await context.rules()).restore(worker, rules);
  requireDone(worker, report, `kube2iam's rule is not back on ${worker.name}`);
  progress(`${worker.name}: kube2iam's rule comes first again`);
  return {};
};
