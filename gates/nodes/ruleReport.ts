import { reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { whyUnclear, type NodeReport } from "../../migration/rules/nodeReport.js";
import type { System } from "../../migration/rules/natRule.js";
import type { Worker } from "../../migration/situation/target.js";
import { GateError, type Problem } from "../../migration/text/problem.js";

/** @throws GateError with that finding where the script on the worker did not do as asked */
export function requireDone(worker: Worker, report: NodeReport, finding: string): void {
  const problems = reportProblemsOf(worker, report);
  if (problems.length > 0) throw new GateError(finding, problems);
}

/** What is wrong where another system's rule than that of `system` comes first. */
export function notInForce(
  worker: Worker,
  report: NodeReport,
  system: System,
): Problem | undefined {
  const { inForce } = report.after;
  if (inForce === system) return undefined;
  const seen = {
    kube2iam: "kube2iam's rule comes first",
    kiam: "kiam's rule comes first",
    none: "neither kube2iam's nor kiam's rule is there",
    unknown:
      whyUnclear(report) ??
      "the rules stand in both nft and legacy tables, so that their order cannot be told",
  }[inForce];
  return {
    where: `node ${worker.name}`,
    what: `${seen}; ${system}'s rule should come first`,
    why:
      inForce === "none"
        ? "pods read the node's own role from EC2's metadata service"
        : `${inForce === "unknown" ? "it cannot be told which system" : inForce} supplies this worker's pods with credentials`,
    fix:
      inForce === "kube2iam"
        ? "something put kube2iam's rule back after the cutover, such as a reboot: run the update again"
        : "look at iptables-nft -t nat -S PREROUTING and iptables-legacy -t nat -S PREROUTING on it",
  };
}
