import type { V1DaemonSet } from "@kubernetes/client-node";

import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import { agentLabels } from "../../migration/kiam/names.js";
import { workerNodes } from "../../migration/situation/nodeSelection.js";
import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { Cluster, selectorText } from "../../cluster/kubernetes/cluster.js";
import type { CheckedInput, Gate } from "../protocol/inputs.js";
import { type Target, type Worker, workerOf } from "../../migration/situation/target.js";
import { bringKube2iam, bringRuleBack } from "../kube2iam/comes.js";
import { requireKiamNotInForce } from "../probe/live.js";
import { maybeHidden, NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError, problemsOf, type Problem } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { unlessGone, unlessLost } from "../nodes/standings.js";
import { onEachWorker } from "../protocol/workers.js";
import { waitUntilDeleted } from "../nodes/awaitDeletion.js";

type Input = CheckedInput<"clear-agent">;

/**
 * The end of kiam's agents: their DaemonSet is gone, and kiam's rule with it. The fallback removed
 * it from every node that it saw; an agent that started on a new node between its last look and
 * the end of the DaemonSet left a rule that leads to no one.
 *
 * Looked at are the nodes that an agent was meant for, and those with kube2iam, through whose pods
 * rules are read. Where no pod can tell, who answers does.
 *
 * The pod of a node that cannot be reached stays listed until the node is back, or is deleted; it
 * is not waited for. kiam's rule may be in front there, so this fails, naming the node, once all
 * others are clear: kiam's server stays then, and the next run looks again.
 */
export const clearAgent: Gate<"clear-agent"> = async (input) => {
  const { target } = input;
  const cluster = await Cluster.connect(target.kubernetes);
  // uids of the nodes on which an agent was seen on its way out.
  const had = new Set<string>();
  await waitUntilDeleted(cluster, target, input.daemonSet, async () => {
    const left = await agentsLeft(cluster, target);
    for (const node of left) if (node !== undefined) had.add(node.uid);
    return left.length > 0 && left.every((node) => node === undefined || isBroken(node));
  });
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const [daemonSet, rules, listed] = await Promise.all([
    cluster.daemonSet(name),
    NodeRules.read(cluster, target),
    cluster.nodes(),
  ]);
  const nodes = listed.map(nodeFacts);
  const meant = new Set(
    input.selection === undefined ? [] : workerNodes(input.selection, nodes).map(({ uid }) => uid),
  );
  const concerned = nodes.filter((node) => {
    if (had.has(node.uid)) return true;
    if (!isBroken(node)) return meant.has(node.uid) || rules.pod("kube2iam", node) !== undefined;
    progress(`${node.name}: ${brokenBecause(node)}; passed over, since no agent of kiam is there`);
    return false;
  });
  const cleared = await onEachWorker<string[], NodeFacts>(
    concerned,
    "kiam's rule is left behind without an agent, or may be",
    async (node) => {
      if (isBroken(node)) throw mayPointToNoAgent(node);
      const unless = had.has(node.uid) ? unlessGone : unlessLost;
      return unless(cluster, node, async () =>
        (await clear(cluster, input, daemonSet, workerOf(node))) ? [node.name] : [],
      );
    },
  );
  return { cleared: cleared.flat().sort() };
};

function isBroken(node: NodeFacts): boolean {
  return brokenBecause(node) !== undefined;
}

/** The node of each agent's pod that is still listed; undefined where that has left the cluster. */
async function agentsLeft(cluster: Cluster, { kiam }: Target): Promise<(NodeFacts | undefined)[]> {
  const [pods, nodes] = await Promise.all([
    cluster.pods(kiam.namespace, selectorText({ matchLabels: { ...agentLabels } })),
    cluster.nodes(),
  ]);
  const facts = new Map(nodes.map((node) => [node.metadata?.name ?? "", nodeFacts(node)]));
  return pods.map(({ spec }) => facts.get(spec?.nodeName ?? ""));
}

function mayPointToNoAgent(node: NodeFacts): GateError {
  return new GateError("", [
    {
      where: `node ${node.name}`,
      what: `${brokenBecause(node)}, and kiam's agent was still there: its rule may be in front`,
      why: "kiam's server stays as long as it may be needed there; once the node is back its agent ends, and behind that rule its pods would be refused",
      fix: `mend it and run this again, which removes the rule, or, if it is gone for good: kubectl delete node ${node.name}`,
    },
  ]);
}

/** @returns whether kiam's rule was there, and is removed */
async function clear(
  cluster: Cluster,
  input: Input,
  daemonSet: V1DaemonSet | undefined,
  worker: Worker,
): Promise<boolean> {
  const { target, probe } = input;
  const unseen = await whyUnseen(cluster, input, daemonSet, worker);
  if (unseen.length > 0) {
    await requireKiamNotInForce(cluster, { worker, probe, why: unseen });
    return false;
  }
  const rules = await NodeRules.read(cluster, target);
  const report = await rules.inspect(worker, "kube2iam");
  if (report.after.kiam.length === 0) {
    const hidden = maybeHidden(report);
    if (hidden !== undefined) {
      const why = [{ where: `node ${worker.name}`, what: hidden }];
      await requireKiamNotInForce(cluster, { worker, probe, why });
    }
    return false;
  }
  if (report.after.kube2iam.length === 0 && daemonSet !== undefined) {
    await bringRuleBack(cluster, daemonSet, target, worker);
  }
  const now = await NodeRules.read(cluster, target);
  const problems = reportProblemsOf(worker, await now.remove(worker, "kiam"));
  if (problems.length > 0) throw new GateError("", problems);
  progress(`${worker.name}: kiam's rule, left by an agent that came late, is removed`);
  return true;
}

/** Why there is no pod of kube2iam's to look through, nor does one come; none where there is. */
async function whyUnseen(
  cluster: Cluster,
  { target }: Input,
  daemonSet: V1DaemonSet | undefined,
  worker: Worker,
): Promise<Problem[]> {
  const where = `node ${worker.name}`;
  if (daemonSet === undefined) return [{ where, what: "kube2iam's DaemonSet does not exist" }];
  try {
    await bringKube2iam(cluster, daemonSet, target, worker);
    return [];
  } catch (error) {
    return problemsOf(error, where);
  }
}
