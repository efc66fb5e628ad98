import type { V1DaemonSet } from "@kubernetes/client-node";

import { insertsItsRule, kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import type { NodeReport } from "../../migration/rules/nodeReport.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { notInForce } from "../probe/live.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError } from "../../migration/text/problem.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

/** Seconds in which a pod of kube2iam's that is ready has certainly inserted its rule, if it does. */
const settleSeconds = 30;

/** Waits until kube2iam has inserted its rule on that worker, as it does when it starts. */
export async function waitForKube2iamRule(
  cluster: Cluster,
  target: Target,
  worker: Worker,
): Promise<void> {
  const report = await lookForRule(cluster, target, worker, target.timeoutSeconds);
  if (report.after.kube2iam.length > 0) return;
  throw new GateError(`kube2iam did not insert its rule on ${worker.name}`, [
    {
      where: `node ${worker.name}`,
      what: `no rule leads to ${worker.hostIp}:${target.kube2iam.port}, ${target.timeoutSeconds} s after its pod was ready`,
      fix: "see that pod's log; kube2iam inserts its rule only with --iptables=true",
    },
  ]);
}

/**
 * Where kiam serves a worker, a new pod of kube2iam's inserts its rule behind kiam's. It is
 * removed again: that is how a worker is after its cutover. A rule that does not come was removed
 * by an earlier run that was interrupted.
 */
export async function removeNewRule(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  target: Target,
  worker: Worker,
): Promise<void> {
  await lookForNewRule(cluster, daemonSet, target, worker);
  await removeRule(cluster, target, worker);
}

/** Gives a new pod of kube2iam's that is ready the time to insert its rule, if it does. */
export async function lookForNewRule(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  target: Target,
  worker: Worker,
): Promise<void> {
  if (!insertsItsRule(kube2iamCommandLine(daemonSet.spec?.template.spec))) return;
  await lookForRule(cluster, target, worker, Math.min(settleSeconds, target.timeoutSeconds));
}

/** Removes kube2iam's rule, where it is there, and sees that kiam's is in force. */
export async function removeRule(cluster: Cluster, target: Target, worker: Worker): Promise<void> {
  const rules = await NodeRules.read(cluster, target);
  const report = await rules.remove(worker, "kube2iam");
  const problems = reportProblemsOf(worker, report);
  const other = notInForce(worker, report, "kiam");
  if (problems.length === 0 && other !== undefined) problems.push(other);
  if (problems.length > 0) {
    throw new GateError(`kube2iam's rule is not removed again on ${worker.name}`, problems);
  }
}

/** Looks until kube2iam's rule is there or time is up. @returns the last look */
async function lookForRule(
  cluster: Cluster,
  target: Target,
  worker: Worker,
  seconds: number,
): Promise<NodeReport> {
  const rules = await NodeRules.read(cluster, target);
  const look = await waitFor<NodeReport, NodeReport>(
    Deadline.after(seconds),
    async () => {
      const report = await rules.inspect(worker);
      return report.after.kube2iam.length > 0 ? { done: report } : { pending: report };
    },
    1000,
  );
  return "done" in look ? look.done : look.pending;
}
