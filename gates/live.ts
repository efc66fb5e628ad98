import type { Cluster } from "./cluster.js";
import type { Probe, ProbeResult, Target, Worker } from "./inputs.js";
import type { System } from "../migration/natRule.js";
import { whyUnclear, type NodeReport } from "../migration/nodeReport.js";
import { NodeRules } from "./nodeRules.js";
import { metadataService, runProbe } from "./probe.js";
import { GateError, type Problem } from "./problem.js";

/**
 * Seconds that a pod asks before the answer counts as wrong. While a worker cannot be proven its
 * pods may be without credentials, and the other system is one rule away.
 */
const liveSeconds = 20;

/**
 * A pod on that worker gets its role through 169.254.169.254, and the rules say that `system`
 * supplies it: credentials alone do not tell who did.
 */
export async function proveLive(
  cluster: Cluster,
  {
    target,
    worker,
    probe,
    system,
  }: { target: Target; worker: Worker; probe: Probe; system: System },
): Promise<{ result: ProbeResult; report: NodeReport }> {
  const result = await runProbe(cluster, {
    worker: worker.name,
    probe,
    address: metadataService,
    seconds: Math.min(liveSeconds, target.timeoutSeconds),
  });
  const rules = await NodeRules.read(cluster, target);
  const report = await rules.inspect(worker);
  const problem = notInForce(worker, report, system);
  if (problem !== undefined) {
    throw new GateError(`${worker.name} is not served by ${system}`, [problem]);
  }
  return { result, report };
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
    what: `${seen}; ${system}'s is expected to`,
    why:
      inForce === "none"
        ? "pods read the node's own role from EC2's metadata service"
        : `${inForce === "unknown" ? "nobody can tell who" : inForce} supplies this worker's pods with credentials`,
    fix:
      inForce === "kube2iam"
        ? "kube2iam's rule was put back after the cutover, by a reboot, say: run the update again"
        : "look at iptables-nft -t nat -S PREROUTING and iptables-legacy -t nat -S PREROUTING on it",
  };
}
