import type { V1DaemonSet } from "@kubernetes/client-node";

import { count } from "../../migration/count.js";
import { insertsItsRule, kube2iamCommandLine } from "../../migration/kube2iamFlags.js";
import { brokenBecause, type NodeStanding } from "../../migration/nodeStandings.js";
import { Cluster } from "../cluster.js";
import { releaseWorker } from "../cutoverRecord.js";
import type { CheckedInput, GateOutput, Probe, Target, Worker } from "../inputs.js";
import { restartKube2iam } from "../kube2iamPod.js";
import { waitForKube2iamRule } from "../kube2iamRule.js";
import { proveLive } from "../live.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { runProbe } from "../probe.js";
import { distinctProblems, GateError, type Problem } from "../problem.js";
import { progress } from "../progress.js";
import { readStandings, unlessLost, workerOf } from "../standings.js";
import { Deadline, waitFor } from "../wait.js";
import { tryEachWorker } from "../workers.js";

type Result = GateOutput<"fallback">["workers"][number];

/**
 * Brings every node back to kube2iam without SSH and without a gap: kube2iam's rule is there and
 * its answers are proven before kiam's rule goes. The agents stay; they are removed after this.
 *
 * The nodes are listed now, and again until a list has none that is new: a node may have joined
 * since the last update, or join meanwhile. One that cannot be reached is left for a later run,
 * and keeps the agents where they are if kiam may still serve it. So does one that failed; neither
 * keeps any other from going back, and all are named in one error.
 */
export async function fallback({
  target,
  probe,
}: CheckedInput<"fallback">): Promise<GateOutput<"fallback">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const daemonSet = await requireKube2iam(cluster, target);
  const workers: Result[] = [];
  // By uid: a node that is replaced under its name is another one.
  const seen = new Set<string>();
  let broken: NodeStanding[] = [];
  const failures: Problem[] = [];
  const failed: string[] = [];
  for (;;) {
    const standings = await readStandings(cluster, target, { applications: false });
    broken = standings.filter((node) => brokenBecause(node) !== undefined && !seen.has(node.uid));
    const next = standings.filter((node) => !seen.has(node.uid) && !broken.includes(node));
    if (next.length === 0) break;
    if (seen.size > 0) {
      progress(`joined meanwhile: ${next.map(({ name }) => name).join(", ")}`);
    }
    const round = await tryEachWorker(next, async (node) =>
      unlessLost(cluster, node, async () => {
        const worker = workerOf(node);
        const result = await bringBack(cluster, daemonSet, { target, worker, probe, node });
        seen.add(node.uid);
        return [result];
      }),
    );
    workers.push(...round.results.flat());
    failures.push(...round.problems);
    for (const node of round.failed) {
      seen.add(node.uid);
      failed.push(node.name);
    }
  }
  requireNobodyLeft({ workers, broken, failed, failures });
  const skipped = broken.map(({ name }) => name);
  progress(
    `${count(workers.length + skipped.length, "node")} seen: ${workers.length} on kube2iam, ${skipped.length} skipped`,
  );
  return { workers, skipped };
}

async function requireKube2iam(cluster: Cluster, target: Target): Promise<V1DaemonSet> {
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet !== undefined) return daemonSet;
  throw new GateError("There is no way back to kube2iam; nothing was touched", [
    {
      where: `DaemonSet ${name.namespace}/${name.name}`,
      what: "it does not exist",
      why: "without kube2iam, removing kiam's rule would hand every pod the node's own role",
      fix: "apply kube2iam's DaemonSet again (going back from stage retire does), then run this again",
    },
  ]);
}

/**
 * Nodes that failed, or could not be reached, and that kiam may serve, need their agent until they
 * are back.
 */
function requireNobodyLeft({
  workers,
  broken,
  failed,
  failures,
}: {
  workers: readonly Result[];
  broken: readonly NodeStanding[];
  failed: readonly string[];
  failures: readonly Problem[];
}): void {
  const lost = broken.flatMap((node): Problem[] => {
    const what = brokenBecause(node) ?? "";
    if (isKube2iams(node)) {
      progress(`${node.name}: ${what}; skipped, since no agent of kiam is there`);
      return [];
    }
    return [
      {
        where: `node ${node.name}`,
        what: `${what}, so its rules cannot be changed; kiam's may be in front`,
        why: "without its agent its pods would be refused once it is back",
        fix: `mend it and run this again, or, if it is gone for good: kubectl delete node ${node.name}`,
      },
    ];
  });
  const why = [
    failed.length === 0
      ? ""
      : `${count(failed.length, "node")} could not be brought back (${[...failed].sort().join(", ")})`,
    lost.length === 0 ? "" : `${count(lost.length, "node")} cannot be reached`,
  ].filter(Boolean);
  if (why.length === 0) return;
  throw new GateError(
    `${count(workers.length, "node")} on kube2iam; kiam's agents stay, since ${why.join(", and ")}`,
    distinctProblems([...failures, ...lost]),
  );
}

/**
 * Whether a node that cannot be asked needs no agent. One with an agent may: kiam's rule may come
 * first there without any record, where it joined or rebooted and its agent was the faster.
 */
function isKube2iams({ agent, record }: NodeStanding): boolean {
  return !agent && (record === undefined || "undone" in record);
}

async function bringBack(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  {
    target,
    worker,
    probe,
    node,
  }: { target: Target; worker: Worker; probe: Probe; node: NodeStanding },
): Promise<Result> {
  if (!node.agent && !node.kube2iam) {
    // Pods of neither system are there, so nothing can be looked at, and nothing serves.
    await releaseWorker(cluster, worker.name);
    progress(`${worker.name}: neither kube2iam nor kiam runs there; nothing to bring back`);
    return { name: worker.name, moved: false };
  }
  const before = await (await onceAPodRuns(cluster, target, worker)).inspect(worker);
  const { inForce, kiam, kube2iam } = before.after;
  if (!node.agent && kiam.length === 0) {
    await releaseWorker(cluster, worker.name);
    return { name: worker.name, moved: false };
  }
  if (kube2iam.length === 0) await bringRuleBack(cluster, daemonSet, target, worker);
  await runProbe(cluster, {
    worker: worker.name,
    probe,
    address: `${worker.hostIp}:${target.kube2iam.port}`,
    expected: "kube2iam",
    seconds: target.timeoutSeconds,
  });
  const rules = await NodeRules.read(cluster, target);
  const problems = reportProblemsOf(worker, await rules.remove(worker, "kiam"));
  if (problems.length > 0) {
    throw new GateError(`kiam's rule is not removed on ${worker.name}`, problems);
  }
  await proveLive(cluster, { target, worker, probe, system: "kube2iam" });
  await releaseWorker(cluster, worker.name);
  progress(`${worker.name}: served by kube2iam`);
  return { name: worker.name, moved: inForce !== "kube2iam" };
}

/** On a node that has just joined, the pods through which its rules are reached may still be starting. */
async function onceAPodRuns(cluster: Cluster, target: Target, worker: Worker): Promise<NodeRules> {
  const look = await waitFor<NodeRules, NodeRules>(
    Deadline.after(target.timeoutSeconds),
    async () => {
      const rules = await NodeRules.read(cluster, target);
      const runs = rules.pod("kiam", worker) ?? rules.pod("kube2iam", worker);
      return runs === undefined ? { pending: rules } : { done: rules };
    },
  );
  return "done" in look ? look.done : look.pending;
}

/**
 * kube2iam inserts its rule when it starts, behind kiam's, where nothing uses it yet: so its pod
 * is restarted. Never where its rule is in use, which would be a gap.
 */
async function bringRuleBack(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  target: Target,
  worker: Worker,
): Promise<void> {
  const rules = await NodeRules.read(cluster, target);
  if (!insertsItsRule(kube2iamCommandLine(daemonSet.spec?.template.spec))) {
    const { kube2iamRule } = await rules.inspect(worker);
    if (kube2iamRule === null) {
      throw new GateError(`kube2iam's rule for ${worker.name} is not known`, [
        {
          where: `node ${worker.name}`,
          what: "kube2iam does not insert its rule itself, and its interface is not known",
          fix: "set kube2iam.interface",
        },
      ]);
    }
    const problems = reportProblemsOf(worker, await rules.restore(worker, [kube2iamRule]));
    if (problems.length > 0) {
      throw new GateError(`kube2iam's rule is not back on ${worker.name}`, problems);
    }
    return;
  }
  const old = rules.pod("kube2iam", worker);
  await restartKube2iam(cluster, daemonSet, { target, worker, old });
  await waitForKube2iamRule(cluster, target, worker);
}
