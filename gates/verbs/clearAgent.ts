import type { V1DaemonSet } from "@kubernetes/client-node";

import { workerNodes } from "../../migration/nodeSelection.js";
import { brokenBecause } from "../../migration/nodeStandings.js";
import { nodeFacts } from "../../migration/readClusterFacts.js";
import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput, Worker } from "../inputs.js";
import { bringKube2iam, bringRuleBack } from "../kube2iamComes.js";
import { requireKiamNotInForce } from "../live.js";
import { maybeHidden, NodeRules, reportProblemsOf } from "../nodeRules.js";
import { GateError, problemsOf, type Problem } from "../problem.js";
import { progress } from "../progress.js";
import { unlessLost, workerOf } from "../standings.js";
import { onEachWorker } from "../workers.js";
import { awaitDeletion } from "./awaitDeletion.js";

type Input = CheckedInput<"clear-agent">;

/**
 * The end of kiam's agents: their DaemonSet is gone, and kiam's rule with it. The fallback removed
 * it from every node that it saw; an agent that started on a new node between its last look and
 * the end of the DaemonSet left a rule that leads to no one.
 *
 * Looked at are the nodes that an agent was meant for, and those with kube2iam, through whose pods
 * rules are read. Where no pod can tell, who answers does.
 */
export async function clearAgent(input: Input): Promise<GateOutput<"clear-agent">> {
  const { target } = input;
  await awaitDeletion(input);
  const cluster = await Cluster.connect(target.kubernetes);
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
  const concerned = nodes.filter(
    (node) => meant.has(node.uid) || rules.pod("kube2iam", node) !== undefined,
  );
  const reachable = concerned.filter((node) => {
    const broken = brokenBecause(node);
    if (broken !== undefined) {
      progress(
        `${node.name}: ${broken}; not looked at: where kiam's rule was left there, its pods are refused until it reboots`,
      );
    }
    return broken === undefined;
  });
  const cleared = await onEachWorker(
    reachable,
    "kiam's rule is, or may be, left behind without an agent",
    async (node) =>
      unlessLost(cluster, node, async () =>
        (await clear(cluster, input, daemonSet, workerOf(node))) ? [node.name] : [],
      ),
  );
  return { cleared: cleared.flat().sort() };
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
