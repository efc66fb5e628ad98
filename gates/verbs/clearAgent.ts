import { agentLabels } from "../../migration/kiamNames.js";
import { brokenBecause, type NodeStanding } from "../../migration/nodeStandings.js";
import { nodeFacts } from "../../migration/readClusterFacts.js";
import { Cluster, selectorText } from "../cluster.js";
import type { CheckedInput, GateOutput, Target } from "../inputs.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { GateError } from "../problem.js";
import { progress } from "../progress.js";
import { readStandings, unlessGone, unlessLost, workerOf } from "../standings.js";
import { onEachWorker } from "../workers.js";
import { waitUntilDeleted } from "./awaitDeletion.js";

/**
 * The end of kiam's agents: their DaemonSet is gone, and kiam's rule with it. The fallback removed
 * it from every node that it saw; an agent that started on a new node between its last look and
 * the end of the DaemonSet left a rule that leads to no one.
 *
 * The pod of a node that cannot be reached stays listed until the node is back, or is deleted; it
 * is not waited for. kiam's rule may be in front there, so this fails, naming the node, once all
 * others are clear: kiam's server stays then, and the next run looks again.
 */
export async function clearAgent({
  target,
  daemonSet,
}: CheckedInput<"clear-agent">): Promise<GateOutput<"clear-agent">> {
  const cluster = await Cluster.connect(target.kubernetes);
  // uids of the nodes on which an agent was seen on its way out.
  const had = new Set<string>();
  await waitUntilDeleted(cluster, target, daemonSet, async () => {
    const left = await agentsLeft(cluster, target);
    for (const node of left) if (node !== undefined) had.add(node.uid);
    return left.length > 0 && left.every((node) => node === undefined || isBroken(node));
  });
  const [standings, nodes] = await Promise.all([
    readStandings(cluster, target, { applications: false }),
    cluster.nodes(),
  ]);
  const lost = nodes.map(nodeFacts).filter(isBroken);
  for (const node of lost) {
    if (had.has(node.uid)) continue;
    progress(`${node.name}: ${brokenBecause(node)}; passed over, since no agent of kiam is there`);
  }
  const rules = await NodeRules.read(cluster, target);
  const cleared = await onEachWorker<string[], NodeOf>(
    [
      ...standings.filter((node) => !isBroken(node) && node.kube2iam),
      ...lost.filter(({ uid }) => had.has(uid)),
    ],
    "kiam's rule is left behind without an agent, or may be",
    async (node) => {
      if (isBroken(node)) throw mayPointToNoAgent(node);
      const unless = had.has(node.uid) ? unlessGone : unlessLost;
      return unless(cluster, node, () => clear(rules, node));
    },
  );
  return { cleared: cleared.flat().sort() };
}

type NodeOf = Pick<NodeStanding, "name" | "uid" | "internalIp" | "ready" | "leaving">;

function isBroken(node: NodeOf): boolean {
  return brokenBecause(node) !== undefined;
}

/** The node of each agent's pod that is still listed; undefined where that has left the cluster. */
async function agentsLeft(cluster: Cluster, { kiam }: Target): Promise<(NodeOf | undefined)[]> {
  const [pods, nodes] = await Promise.all([
    cluster.pods(kiam.namespace, selectorText({ matchLabels: { ...agentLabels } })),
    cluster.nodes(),
  ]);
  const facts = new Map(nodes.map((node) => [node.metadata?.name ?? "", nodeFacts(node)]));
  return pods.map(({ spec }) => facts.get(spec?.nodeName ?? ""));
}

/** @returns the node's name where kiam's rule was there */
async function clear(rules: NodeRules, node: NodeOf): Promise<string[]> {
  const worker = workerOf(node);
  if ((await rules.inspect(worker, "kube2iam")).after.kiam.length === 0) return [];
  const problems = reportProblemsOf(worker, await rules.remove(worker, "kiam"));
  if (problems.length > 0) throw new GateError("", problems);
  progress(`${node.name}: kiam's rule, left by an agent that came late, is removed`);
  return [node.name];
}

function mayPointToNoAgent(node: NodeOf): GateError {
  return new GateError("", [
    {
      where: `node ${node.name}`,
      what: `${brokenBecause(node)}, and kiam's agent was still there: its rule may be in front`,
      why: "kiam's server stays as long as it may be needed there; once the node is back its agent ends, and behind that rule its pods would be refused",
      fix: `mend it and run this again, which removes the rule, or, if it is gone for good: kubectl delete node ${node.name}`,
    },
  ]);
}
