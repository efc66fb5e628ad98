import type { V1DaemonSet } from "@kubernetes/client-node";

import { count } from "../../migration/text/text.js";
import { brokenBecause, type NodeStanding } from "../../migration/situation/nodeStandings.js";
import { releaseWorker } from "../nodes/cutoverRecord.js";
import { workerOf } from "../../migration/situation/target.js";
import { bringKube2iam, bringRuleBack } from "../kube2iam/comes.js";
import { proveLive, requireKiamNotInForce } from "../probe/live.js";
import { maybeHidden, type NodeRules } from "../../cluster/rules/nodeRules.js";
import { askDirectly } from "../probe/runProbe.js";
import { distinctProblems, GateError, type Problem } from "../../migration/text/problem.js";
import { GateContext } from "../protocol/context.js";
import type { Gate, GateOutput, Probe } from "../protocol/inputs.js";
import { errorAt, progress } from "../protocol/progress.js";
import { refuseWhereStopAsked } from "../protocol/stop.js";
import { requireDone } from "../nodes/ruleReport.js";
import { readStandings, unlessLost } from "../nodes/standings.js";
import { tryEachWorker } from "../protocol/workers.js";

type Result = GateOutput<"fallback">["workers"][number];

/** A node that is left as it is, and why. */
interface PassedOver {
  node: NodeStanding;
  what: string;
}

/** Nodes that failed, by name, and what they failed for. */
interface Failures {
  nodes: string[];
  problems: Problem[];
}

/**
 * Brings every node back to kube2iam without SSH and without a gap: kube2iam's rule is there and
 * its answers are proven before kiam's rule goes. The agents stay; they are removed after this.
 *
 * The nodes are listed now, and again until a list has none that is new: a node may have joined
 * since the last update, or join meanwhile. One that cannot be reached is left for a later run,
 * and keeps the agents where they are if kiam may still serve it. So does one that failed; neither
 * keeps any other from going back, and all are named in one error.
 */
export const fallback: Gate<"fallback"> = async ({ target, probe }) => {
  refuseWhereStopAsked();
  const context = await GateContext.connect(target);
  const daemonSet = await requireKube2iam(context);
  const workers = new Map<string, Result>();
  // By uid: a node that is replaced under its name is another one. With whether it had an agent then.
  const seen = new Map<string, boolean>();
  let left: PassedOver[] = [];
  const failed: Failures = { nodes: [], problems: [] };
  for (;;) {
    const standings = await readStandings(context, { applications: false });
    const rules = await context.rules();
    // One whose agent came only after it was looked at has kiam's rule since.
    const open = standings.filter(
      ({ uid, agent }) => !seen.has(uid) || (agent && seen.get(uid) === false),
    );
    left = open.flatMap((node) => {
      const what = outOfReach(node, rules);
      return what === undefined ? [] : [{ node, what }];
    });
    const next = open.filter((node) => !left.some((each) => each.node === node));
    if (next.length === 0) break;
    if (seen.size > 0) {
      progress(`joined meanwhile: ${next.map(({ name }) => name).join(", ")}`);
    }
    const round = await tryEachWorker(next, async (node) =>
      unlessLost(context, node, async () => {
        const moved = await bringBack(context, daemonSet, node, probe);
        seen.set(node.uid, node.agent);
        return [{ name: node.name, moved }];
      }),
    );
    for (const result of round.results.flat()) workers.set(result.name, result);
    failed.problems.push(...round.problems);
    for (const node of round.failed) {
      // Once is enough: what it fails for is said.
      seen.set(node.uid, true);
      workers.delete(node.name);
      failed.nodes.push(node.name);
    }
  }
  await requireNoneLeft(context, left, failed, workers.size);
  const skipped = left.map(({ node }) => node.name);
  progress(
    `${count(workers.size + skipped.length, "node")} seen: ${workers.size} on kube2iam, ${skipped.length} skipped`,
  );
  return { workers: [...workers.values()], skipped };
};

async function requireKube2iam(context: GateContext): Promise<V1DaemonSet> {
  const daemonSet = await context.kube2iam();
  if (daemonSet !== undefined) return daemonSet;
  const finding = "There is no way back to kube2iam; nothing was touched";
  throw errorAt(context.kube2iamText, finding, {
    what: "it does not exist",
    why: "without kube2iam, removing kiam's rule would hand every pod the node's own role",
    fix: "apply kube2iam's DaemonSet again (going back from stage retire does), then run this again",
  });
}

/**
 * Nodes that failed, or could not be reached, and that kiam may serve, need their agent until they
 * are back.
 */
async function requireNoneLeft(
  context: GateContext,
  left: readonly PassedOver[],
  failed: Failures,
  back: number,
): Promise<void> {
  const lost: Problem[] = [];
  for (const { node, what } of left) {
    if (isKube2iams(node)) {
      await releaseWorker(context, node.name);
      progress(`${node.name}: ${what}; skipped, since no agent of kiam is there`);
      continue;
    }
    lost.push({
      where: `node ${node.name}`,
      what: `${what}, so its rules cannot be changed; kiam's may be in front`,
      why: "without its agent its pods would be refused once it is back",
      fix: `mend it and run this again, or, if it is gone for good: kubectl delete node ${node.name}`,
    });
  }
  const why: string[] = [];
  if (failed.nodes.length > 0) {
    const names = failed.nodes.sort().join(", ");
    why.push(`${count(failed.nodes.length, "node")} could not be brought back (${names})`);
  }
  if (lost.length > 0) why.push(`${count(lost.length, "node")} cannot be reached`);
  if (why.length === 0) return;
  throw new GateError(
    `${count(back, "node")} on kube2iam; kiam's agents stay, since ${why.join(", and ")}`,
    distinctProblems([...failed.problems, ...lost]),
  );
}

/**
 * Whether a node that cannot be asked needs no agent. One with an agent may: kiam's rule may come
 * first there without any record, where it joined or rebooted and its agent was the faster.
 */
function isKube2iams({ agent, record }: NodeStanding): boolean {
  return !agent && (record === undefined || "undone" in record);
}

/** Why a node is not brought back now; undefined where it is. */
function outOfReach(node: NodeStanding, rules: NodeRules): string | undefined {
  const broken = brokenBecause(node);
  if (broken !== undefined || !isKube2iams(node)) return broken;
  // Nothing is lost by its agent, which it does not have, and there is no pod to look through.
  return rules.pod("kube2iam", node) === undefined ? "kube2iam does not run there" : undefined;
}

/** @returns whether kiam served it, or may have */
async function bringBack(
  context: GateContext,
  daemonSet: V1DaemonSet,
  node: NodeStanding,
  probe: Probe,
): Promise<boolean> {
  const worker = workerOf(node);
  if (!isKube2iams(node)) await bringKube2iam(context, daemonSet, worker);
  const before = await (await context.rules()).inspect(worker);
  const { inForce, kiam, kube2iam } = before.after;
  if (!node.agent && kiam.length === 0) {
    const hidden = maybeHidden(before);
    if (hidden !== undefined && isKube2iams(node)) {
      progress(`${worker.name}: ${hidden}; passed over, since no agent of kiam is there`);
    } else if (hidden !== undefined) {
      const why = [{ where: `node ${worker.name}`, what: `it was moved, and ${hidden}` }];
      await requireKiamNotInForce(context, { worker, probe, why });
    }
    await releaseWorker(context, worker.name);
    return false;
  }
  if (kube2iam.length === 0) await bringRuleBack(context, daemonSet, worker);
  const question = { worker, probe, system: "kube2iam" } as const;
  await askDirectly(context, question);
  const report = await (await context.rules()).remove(worker, "kiam");
  requireDone(worker, report, `kiam's rule is not removed on ${worker.name}`);
  await proveLive(context, question);
  await releaseWorker(context, worker.name);
  progress(`${worker.name}: served by kube2iam`);
  return inForce !== "kube2iam";
}
