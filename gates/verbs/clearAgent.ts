import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { GateError } from "../problem.js";
import { progress } from "../progress.js";
import { readStandings, unlessLost, workerOf } from "../standings.js";
import { onEachWorker } from "../workers.js";
import { awaitDeletion } from "./awaitDeletion.js";

/**
 * The end of kiam's agents: their DaemonSet is gone, and kiam's rule with it. The fallback removed
 * it from every node that it saw; an agent that started on a new node between its last look and
 * the end of the DaemonSet left a rule that leads to no one.
 */
export async function clearAgent({
  target,
  daemonSet,
}: CheckedInput<"clear-agent">): Promise<GateOutput<"clear-agent">> {
  await awaitDeletion({ target, daemonSet });
  const cluster = await Cluster.connect(target.kubernetes);
  const reachable = (await readStandings(cluster, target, { applications: false })).filter(
    (node) => node.ready && node.kube2iam,
  );
  const rules = await NodeRules.read(cluster, target);
  const cleared = await onEachWorker(
    reachable,
    "kiam's rule is left behind without an agent",
    async (node) =>
      unlessLost(cluster, node, async () => {
        const worker = workerOf(node);
        if ((await rules.inspect(worker, "kube2iam")).after.kiam.length === 0) return [];
        const problems = reportProblemsOf(worker, await rules.remove(worker, "kiam"));
        if (problems.length > 0) throw new GateError("", problems);
        progress(`${node.name}: kiam's rule, left by an agent that came late, is removed`);
        return [node.name];
      }),
  );
  return { cleared: cleared.flat().sort() };
}
