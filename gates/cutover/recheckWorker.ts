import { Cluster } from "../../cluster/kubernetes/cluster.js";
import { asFound, recordCutover } from "../nodes/cutoverRecord.js";
import type { CheckedInput, Gate } from "../protocol/inputs.js";
import { removeRule } from "../kube2iam/rule.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { runProbe } from "../probe/runProbe.js";
import type { NodeReport } from "../../migration/rules/nodeReport.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { requireSameNode } from "../nodes/sameNode.js";
import { Deadline, waitFor } from "../../cluster/wait.js";
import { giveUp } from "./undoCutover.js";

/**
 * The last look before a worker's rule is removed: kiam's rule is there (where somebody deleted
 * it, it is put back), and a pod gets its role from the agent. From here on the node says that a
 * cutover is under way, so that a rerun starts with this worker if it does not end well.
 *
 * A worker that kiam serves already, and badly, goes back to kube2iam.
 */
export const recheckWorker: Gate<"recheck-worker"> = async (input) => {
  const cluster = await Cluster.connect(input.target.kubernetes);
  const { target, worker, probe, generation, rules, kiamOnly } = input;
  await requireSameNode(cluster, worker);
  await recordCutover(cluster, worker, {
    ...(await asFound(cluster, target, worker)),
    generation,
    proven: false,
    ...(kiamOnly ? { kiamOnly } : {}),
  });
  try {
    await ensureRule(cluster, input);
    const result = await runProbe(cluster, {
      worker: worker.name,
      probe,
      address: `${worker.hostIp}:${target.kiam.agentPort}`,
      expected: "kiam",
      seconds: target.timeoutSeconds,
    });
    // One that joined right before kube2iam's DaemonSet went may have been given its rule.
    if (kiamOnly) await removeRule(cluster, target, worker);
    return result;
  } catch (error) {
    if (rules.length > 0 && (await servedByKiam(cluster, input))) {
      return giveUp(cluster, input, error);
    }
    throw error;
  }
};

/** An agent that has just been restarted is given its time. */
async function ensureRule(
  cluster: Cluster,
  { target, worker }: CheckedInput<"recheck-worker">,
): Promise<void> {
  const look = await waitFor<NodeReport, Problem[]>(
    Deadline.after(target.timeoutSeconds),
    async () => {
      const report = await (await NodeRules.read(cluster, target)).ensure(worker);
      const problems = reportProblemsOf(worker, report);
      return problems.length === 0 ? { done: report } : { pending: problems };
    },
    1000,
  );
  if ("pending" in look) {
    throw new GateError(`kiam's rule is not on ${worker.name}`, look.pending);
  }
  if (look.done.inserted.length > 0) {
    progress(`${worker.name}: kiam's rule was not there (any more), and is now`);
  }
}

/** Fails as "no" where that cannot be seen: then nothing is changed. */
async function servedByKiam(
  cluster: Cluster,
  { target, worker }: CheckedInput<"recheck-worker">,
): Promise<boolean> {
  try {
    const report = await (await NodeRules.read(cluster, target)).inspect(worker, "kube2iam");
    return report.after.inForce === "kiam" || report.after.inForce === "none";
  } catch {
    return false;
  }
}
