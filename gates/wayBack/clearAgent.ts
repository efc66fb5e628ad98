import type { V1DaemonSet } from "@kubernetes/client-node";

import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import { workerNodes } from "../../migration/situation/nodeSelection.js";
import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { bringKube2iam, bringRuleBack } from "../kube2iam/comes.js";
import { requireKiamNotInForce } from "../probe/live.js";
import { maybeHidden } from "../../cluster/rules/nodeRules.js";
import { problemsOf, type GateError, type Problem } from "../../migration/text/problem.js";
import { requireDone } from "../nodes/ruleReport.js";
import { listAgents, unlessGone, unlessLost } from "../nodes/standings.js";
import { GateContext } from "../protocol/context.js";
import type { CheckedInput, Gate } from "../protocol/inputs.js";
import { errorOn, progress } from "../protocol/progress.js";
import { onEachWorker } from "../protocol/workers.js";
import { waitUntilDeleted } from "../nodes/awaitDeletion.js";

type Input = CheckedInput<"clear-agent">;

/**
 * The end of kiam's agents: their DaemonSet is gone, and kiam's rule with it. The fallback removed
 * the rule from every node that it saw. An agent that started on a new node after the fallback's
 * last look left a rule there that leads nowhere once the agent is gone.
 *
 * This looks at the nodes that an agent was meant for, and at those with kube2iam, through whose
 * pods rules are read. Where no pod can read them, a probe asks who answers.
 *
 * The pod of a node that cannot be reached stays listed until the node is back, or is deleted; it
 * is not waited for. kiam's rule may be in front there, so this fails, naming the node, once all
 * others are clear: kiam's server stays then, and the next run looks again.
 */
export const clearAgent: Gate<"clear-agent"> = async (input) => {
  const context = await GateContext.connect(input.target);
  // uids of the nodes on which an agent was seen on its way out.
  const had = new Set<string>();
  await waitUntilDeleted(context, input.daemonSet, async () => {
    const left = await nodesOfAgents(context);
    for (const node of left) if (node !== undefined) had.add(node.uid);
    return left.length > 0 && left.every((node) => node === undefined || isBroken(node));
  });
  const [daemonSet, rules, nodes] = await Promise.all([
    context.kube2iam(),
    context.rules(),
    context.nodes(),
  ]);
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
      return unless(context, node, async () =>
        (await clear(context, input, daemonSet, workerOf(node))) ? [node.name] : [],
      );
    },
  );
  return { cleared: cleared.flat().sort() };
};

function isBroken(node: NodeFacts): boolean {
  return brokenBecause(node) !== undefined;
}

/** The node of each agent's pod that is still listed; undefined where that has left the cluster. */
async function nodesOfAgents(context: GateContext): Promise<(NodeFacts | undefined)[]> {
  const [pods, nodes] = await Promise.all([listAgents(context), context.nodes()]);
  const facts = new Map(nodes.map((node) => [node.name, node]));
  return pods.map(({ spec }) => facts.get(spec?.nodeName ?? ""));
}

function mayPointToNoAgent(node: NodeFacts): GateError {
  return errorOn(node, "", {
    what: `${brokenBecause(node)}, and kiam's agent was still there: its rule may be in front`,
    why: "kiam's server stays while that node may need it. Once the node is back its agent ends, and with that rule in front its pods would be refused",
    fix: `mend it and run this again, which removes the rule, or, if it is gone for good: kubectl delete node ${node.name}`,
  });
}

/** @returns whether kiam's rule was there, and is removed */
async function clear(
  context: GateContext,
  { probe }: Input,
  daemonSet: V1DaemonSet | undefined,
  worker: Worker,
): Promise<boolean> {
  const unseen = await whyUnseen(context, daemonSet, worker);
  if (unseen.length > 0) {
    await requireKiamNotInForce(context, { worker, probe, why: unseen });
    return false;
  }
  const report = await (await context.rules()).inspect(worker, "kube2iam");
  if (report.after.kiam.length === 0) {
    const hidden = maybeHidden(report);
    if (hidden !== undefined) {
      const why = [{ where: `node ${worker.name}`, what: hidden }];
      await requireKiamNotInForce(context, { worker, probe, why });
    }
    return false;
  }
  if (report.after.kube2iam.length === 0 && daemonSet !== undefined) {
    await bringRuleBack(context, daemonSet, worker);
  }
  requireDone(worker, await (await context.rules()).remove(worker, "kiam"), "");
  progress(`${worker.name}: kiam's rule, left by an agent that came late, is removed`);
  return true;
}

/** Why kube2iam has no pod on that node and none comes; no problem where it has one. */
async function whyUnseen(
  context: GateContext,
  daemonSet: V1DaemonSet | undefined,
  worker: Worker,
): Promise<Problem[]> {
  const where = `node ${worker.name}`;
  if (daemonSet === undefined) return [{ where, what: "kube2iam's DaemonSet does not exist" }];
  try {
    await bringKube2iam(context, daemonSet, worker);
    return [];
  } catch (error) {
    return problemsOf(error, where);
  }
}
