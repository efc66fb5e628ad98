import { reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import type { Worker } from "../../migration/situation/target.js";
import { GateError } from "../../migration/text/problem.js";
import { notInForce } from "../nodes/ruleReport.js";
import type { GateContext } from "../protocol/context.js";

/**
 * For after a pod of kube2iam has gone: checks that the pod did not delete kiam's rule. Where it
 * did, puts the rule back at once, and fails all the same.
 */
export async function requireKiamRule(context: GateContext, worker: Worker): Promise<void> {
  const rules = await context.rules();
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
        what: `no rule led to ${worker.hostIp}:${context.target.kiam.agentPort} after kube2iam's pod had gone`,
        why: "until it was back pods were given the node's own role, and SDKs keep such credentials for hours",
        fix: "restart the pods of this node that use AWS; find out what deleted the rule (a preStop hook, something else on this node), then run again",
      },
      ...refused,
    ],
  );
}
