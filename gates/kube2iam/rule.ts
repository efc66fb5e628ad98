import type { V1DaemonSet } from "@kubernetes/client-node";

import { Deadline, waitFor } from "../../cluster/wait.js";
import { insertsItsRule, kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import type { NodeReport } from "../../migration/rules/nodeReport.js";
import type { Worker } from "../../migration/situation/target.js";
import { GateError } from "../../migration/text/problem.js";
import { notInForce, requireDone } from "../nodes/ruleReport.js";
import type { GateContext } from "../protocol/context.js";
import { errorOn } from "../protocol/progress.js";

/** Seconds within which a ready pod of kube2iam has inserted its rule, if it does at all. */
const settleSeconds = 30;

/** Waits until kube2iam has inserted its rule on that worker, as it does when it starts. */
export async function waitForKube2iamRule(context: GateContext, worker: Worker): Promise<void> {
  const { kube2iam, timeoutSeconds } = context.target;
  const report = await lookForRule(context, worker, timeoutSeconds);
  if (report.after.kube2iam.length > 0) return;
  throw errorOn(worker, `kube2iam did not insert its rule on ${worker.name}`, {
    what: `no rule leads to ${worker.hostIp}:${kube2iam.port}, ${timeoutSeconds} s after its pod was ready`,
    fix: "see that pod's log; kube2iam inserts its rule only with --iptables=true",
  });
}

/**
 * Where kiam serves a worker, a new pod of kube2iam inserts its rule behind kiam's. That rule is
 * removed again: a worker is without it after its cutover. Where no rule comes, an earlier run that
 * was interrupted has removed it.
 */
export async function removeNewRule(
  context: GateContext,
  daemonSet: V1DaemonSet,
  worker: Worker,
): Promise<void> {
  await lookForNewRule(context, daemonSet, worker);
  await removeRule(context, worker);
}

/** Gives a new, ready pod of kube2iam the time to insert its rule, if it does. */
export async function lookForNewRule(
  context: GateContext,
  daemonSet: V1DaemonSet,
  worker: Worker,
): Promise<void> {
  if (!insertsItsRule(kube2iamCommandLine(daemonSet.spec?.template.spec))) return;
  await lookForRule(context, worker, Math.min(settleSeconds, context.target.timeoutSeconds));
}

/** Removes kube2iam's rule, where it is there, and checks that kiam's is in force. */
export async function removeRule(context: GateContext, worker: Worker): Promise<void> {
  const report = await (await context.rules()).remove(worker, "kube2iam");
  const finding = `kube2iam's rule is not removed again on ${worker.name}`;
  requireDone(worker, report, finding);
  const other = notInForce(worker, report, "kiam");
  if (other !== undefined) throw new GateError(finding, [other]);
}

/** Looks until kube2iam's rule is there or time is up. @returns the last look */
async function lookForRule(
  context: GateContext,
  worker: Worker,
  seconds: number,
): Promise<NodeReport> {
  const rules = await context.rules();
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
