import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Probe, ProbeResult } from "../protocol/inputs.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import type { System } from "../../migration/rules/natRule.js";
import { messageOf } from "../../migration/text/text.js";
import { whyUnclear, type NodeReport } from "../../migration/rules/nodeReport.js";
import { NodeRules } from "../../cluster/rules/nodeRules.js";
import { askWho, OtherSystemError, runProbe } from "./runProbe.js";
import { metadataService } from "../../worker/probe/verdict.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";

/**
 * Seconds that a pod asks before the answer counts as wrong. While a worker cannot be proven its
 * pods may be without credentials, and the other system is one rule away.
 */
const liveSeconds = 20;

/** Seconds in which whoever answers certainly has. */
const askSeconds = 10;

/**
 * A pod on that worker gets its role through 169.254.169.254, and it is `system` that answers
 * there. The rules have to say the same: they prove nothing by themselves, but where they differ
 * something else decides, for this pod and perhaps not for the next.
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
  let result: ProbeResult;
  try {
    result = await runProbe(cluster, {
      worker: worker.name,
      probe,
      address: metadataService,
      expected: system,
      seconds: Math.min(liveSeconds, target.timeoutSeconds),
    });
  } catch (error) {
    // Only here: pods have credentials, so that there is time to look.
    if (!(error instanceof OtherSystemError)) throw error;
    const explained = [...error.problems, await rulesSay(cluster, { target, worker, system })];
    throw new GateError(error.finding, explained, { cause: error });
  }
  const rules = await NodeRules.read(cluster, target);
  const report = await rules.inspect(worker);
  const problem = notInForce(worker, report, system);
  // Going back is not held up by rules that cannot be read: the answer is the proof.
  const readable = report.after.inForce !== "unknown";
  if (problem !== undefined && (system === "kiam" || readable)) {
    throw new GateError(`${worker.name} is not served by ${system}`, [problem]);
  }
  return { result, report };
}

/**
 * On a node without an agent, kube2iam answers at 169.254.169.254, or EC2 itself does: then no rule
 * of kiam's is in force. For where its rules cannot be read.
 *
 * @param probe unset: nothing can be asked
 * @param why what keeps its rules from being read
 * @throws GateError with that, and what was answered
 */
export async function requireKiamNotInForce(
  cluster: Cluster,
  { worker, probe, why }: { worker: Worker; probe?: Probe; why: readonly Problem[] },
): Promise<void> {
  const question = { worker: worker.name, address: metadataService, seconds: askSeconds };
  const asked = probe && (await askWho(cluster, { ...question, probe }));
  if (asked?.who === "kube2iam" || asked?.who === "nobody") {
    const seen = why.map(({ what }) => what).join("; ");
    progress(`${worker.name}: ${seen}; but no rule of kiam's is in force: ${asked.answers}`);
    return;
  }
  throw new GateError(`Whether kiam's rule is on ${worker.name} cannot be told`, [
    ...why,
    {
      where: `node ${worker.name}`,
      what: asked?.answers ?? "nor can it be asked who answers there",
      why: "no agent of kiam is there: where its rule was left, pods are refused",
      fix: "on that node, delete the rule for kiam's port that iptables -t nat -S PREROUTING shows; or reboot or replace it; then run this again",
    },
  ]);
}

/** What a worker's rules tell where another system than `system` answered. */
async function rulesSay(
  cluster: Cluster,
  { target, worker, system }: { target: Target; worker: Worker; system: System },
): Promise<Problem> {
  const where = `node ${worker.name}`;
  try {
    const rules = await NodeRules.read(cluster, target);
    return (
      notInForce(worker, await rules.inspect(worker), system) ?? {
        where,
        what: `by its iptables rules it would be ${system}: ${system}'s rule comes first`,
        why: "what iptables does not show decides here: a native nft table, eBPF, or a proxy on the way",
      }
    );
  } catch (error) {
    return { where, what: `its rules could not be read: ${messageOf(error)}` };
  }
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
