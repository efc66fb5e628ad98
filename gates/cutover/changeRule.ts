import { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Gate } from "../protocol/inputs.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { requireSameNode } from "../nodes/sameNode.js";

/*
 * What the script of worker/rules/ does over SSH, through the agent's pod instead: for workers that
 * have no sshd, or whose host key no one can commit (workers.access: exec).
 */

/** Deletes kube2iam's rules, provided kiam's is there and healthy. */
export const removeRuleByExec: Gate<"remove-rule"> = async ({ target, worker }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  await requireSameNode(cluster, worker);
  const rules = await NodeRules.read(cluster, target);
  const report = await rules.remove(worker, "kube2iam");
  const problems = reportProblemsOf(worker, report);
  if (problems.length > 0) {
    throw new GateError(`kube2iam's rule is not removed on ${worker.name}`, problems);
  }
  progress(`${worker.name}: kube2iam's rule is removed`);
  return { removed: report.removed.length };
};

/** Puts the captured rules back in front. */
export const restoreRuleByExec: Gate<"restore-rule"> = async ({
  target,
  worker,
  rules: captured,
}) => {
  const cluster = await Cluster.connect(target.kubernetes);
  await requireSameNode(cluster, worker);
  const rules = await NodeRules.read(cluster, target);
  const problems = reportProblemsOf(worker, await rules.restore(worker, captured));
  if (problems.length > 0) {
    throw new GateError(`kube2iam's rule is not back on ${worker.name}`, problems);
  }
  progress(`${worker.name}: kube2iam's rule comes first again`);
  return {};
};
