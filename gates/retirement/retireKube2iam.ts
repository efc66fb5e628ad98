import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { count, someOf } from "../../migration/text/text.js";
import { isProven } from "../../migration/plan/cutoverRecord.js";
import {
  brokenBecause,
  isProvenNow,
  notReadyBecause,
  type NodeStanding,
} from "../../migration/situation/nodeStandings.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import {
  Cluster,
  ClusterError,
  describePod,
  nameOf,
  selectorText,
} from "../../cluster/kubernetes/cluster.js";
import { describeClient, waitForConnections, type LingeringClient } from "./connections.js";
import type { CheckedInput, Gate, ProbeResult } from "../protocol/inputs.js";
import { type Target, type Worker, workerOf } from "../../migration/situation/target.js";
import { requireKiamRule } from "../cutover/kiamRule.js";
import { hookIsBack } from "../kube2iam/preStop.js";
import { removeRule } from "../kube2iam/rule.js";
import { deletePods, isUnplaced, listKube2iamPods } from "./podDeletion.js";
import { notInForce, proveLive } from "../probe/live.js";
import { NodeRules } from "../../cluster/rules/nodeRules.js";
import { GateError, problemsOf, type Problem } from "../../migration/text/problem.js";
import { noteForNextPlan, progress } from "../protocol/progress.js";
import { readStandings, unlessGone } from "../nodes/standings.js";
import { Deadline, waitFor } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";

type Input = CheckedInput<"retire-kube2iam">;

/**
 * Ends kube2iam once nothing depends on it any more, and proves every worker again. Its DaemonSet
 * goes first and leaves the pods running, so that each can be deleted and its worker proven before
 * the next; a failure leaves kube2iam's other pods where they are. A rerun finds those that an
 * interrupted run left, and goes on with them.
 *
 * The nodes are listed right before the DaemonSet goes, and before each pod: one that is not
 * proven stops it there.
 */
export const retireKube2iam: Gate<"retire-kube2iam"> = async (input) => {
  const { target } = input;
  const cluster = await Cluster.connect(target.kubernetes);
  const manifest = input.manifest as unknown as V1DaemonSet;
  const name = nameOf(manifest);
  const daemonSet = await cluster.daemonSet(name);
  const isThere = daemonSet !== undefined || (await listKube2iamPods(cluster, manifest)).length > 0;
  if (!isThere) progress(`DaemonSet ${name.namespace}/${name.name} is gone already`);
  const workers = isThere
    ? await provenWorkers(cluster, input)
    : await reachableWorkers(cluster, input);
  const left = isThere ? await withdraw(cluster, input, workers, daemonSet) : [];
  const notes = left.map((each) => `${describeClient(each)} (${each.worker})`);

  // A pod that still waits for room would start when there is some, and insert its rule. The next
  // boot could then put it first.
  const unplaced = (await listKube2iamPods(cluster, manifest)).filter(isUnplaced);
  await deletePods(cluster, unplaced, target.timeoutSeconds);
  // A node may have joined since, and have been given kube2iam before its DaemonSet was gone.
  await requireProven(cluster, input);
  const pods = await listKube2iamPods(cluster, manifest);
  const own = workers.map((worker) => ({
    worker,
    pods: pods.filter(({ spec }) => spec?.nodeName === worker.name),
    // Whoever was waited for in vain is not waited for again.
    waitSeconds: left.some((each) => each.worker === worker.name)
      ? 0
      : input.connections.waitSeconds,
  }));
  const waiting = input.pace === "worker" ? own.filter((each) => each.pods.length > 0) : [];
  const free = own.filter((each) => !waiting.includes(each));
  const going = free.flatMap((each) => each.pods);
  await deletePods(cluster, going, target.timeoutSeconds);
  const proven = await onEachWorker(
    free.map((each) => each.worker),
    "kube2iam is gone, and not every worker is proven to be served by kiam",
    (worker) => unlessGone(cluster, worker, async () => [await prove(cluster, input, worker)]),
  );
  const probes = [...proven.flat(), ...(await oneByOne(cluster, input, waiting))];
  notes.push(...(await retireElsewhere(cluster, input, pods)));
  await requireGone(cluster, manifest);
  if (isThere) {
    progress(`DaemonSet ${name.namespace}/${name.name} and its pods are gone`);
    notes.push(...(await tidyUp(cluster, manifest)));
  }
  notes.push(...(await joinedMeanwhile(cluster, input, workers)));
  for (const note of notes) progress(note);
  return { deleted: isThere, probes, notes };
};

/**
 * Lists the nodes that concern the migration now.
 *
 * @returns those with an agent, every one of them proven
 * @throws GateError that names every node that is not proven, and what to do about it
 */
async function provenWorkers(cluster: Cluster, input: Input): Promise<Worker[]> {
  const standings = await list(cluster, input, { applications: true });
  refuseUnproven(standings, input);
  const workers = standings.filter((node) => node.agent);
  progress(
    `${count(standings.length, "node")} seen: ${workers.length} proven on kiam, ${standings.length - workers.length} left out by name`,
  );
  return workers.map(workerOf);
}

/** Where kube2iam is gone already, a node that cannot be asked loses nothing: it is named. */
async function reachableWorkers(cluster: Cluster, input: Input): Promise<Worker[]> {
  const standings = await list(cluster, input, { applications: false });
  const proven = standings.filter((node) => {
    const problem = unproven(node, input.outside);
    if (problem !== undefined) progress(`${node.name}: ${problem.what}; not proven now`);
    return problem === undefined && node.agent;
  });
  return proven.map(workerOf);
}

/**
 * Once the DaemonSet is gone: no node that still has a pod of kube2iam depends on it. One that
 * joined without kube2iam does not either.
 */
async function requireProven(cluster: Cluster, input: Input): Promise<void> {
  const standings = await list(cluster, input, { applications: false });
  refuseUnproven(
    standings.filter((node) => node.kube2iam),
    input,
  );
}

async function list(
  cluster: Cluster,
  { target, manifest }: Input,
  { applications }: { applications: boolean },
): Promise<NodeStanding[]> {
  const captured = manifest as unknown as V1DaemonSet;
  return readStandings(cluster, target, { manifest: captured, applications });
}

function refuseUnproven(standings: readonly NodeStanding[], { outside }: Input): void {
  const problems = standings.flatMap((node): Problem[] => {
    const problem = unproven(node, outside);
    return problem === undefined ? [] : [{ where: `node ${node.name}`, ...problem }];
  });
  if (problems.length === 0) return;
  throw new GateError(
    `kube2iam stays: ${problems.length} of ${count(standings.length, "node")} would lose their credentials`,
    problems,
  );
}

/** Why kube2iam may not go from a node, or from any as long as this one is so; undefined where it may. */
function unproven(
  node: NodeStanding,
  outside: readonly string[],
): Omit<Problem, "where"> | undefined {
  const { agent, kube2iam, asking, record } = node;
  const broken = brokenBecause(node);
  if (!agent && !isProven(record)) {
    // Its pod would not go, and the retirement would wait for it in vain.
    const notReady = notReadyBecause(node);
    if (outside.includes(node.name) && kube2iam && notReady !== undefined) {
      return {
        what: notReady,
        fix: "mend it, or delete it from the cluster, then run the update again",
      };
    }
    if (outside.includes(node.name)) return undefined;
    return {
      what: `it has no agent of kiam, and ${[kube2iam ? "kube2iam runs there" : "", asking.length > 0 ? `${count(asking.length, "pod")} there ask for a role (${someOf(asking)})` : ""].filter(Boolean).join("; ")}`,
      why: "no one supplies roles there once kube2iam is gone",
      fix: "let workers.selector or workers.list match it and run an update at stage cutover, or acknowledge node-outside-workers for it",
    };
  }
  if (broken !== undefined) {
    return {
      what: broken,
      why: "who serves its pods cannot be seen",
      fix: `mend it, or, if it is gone for good: kubectl delete node ${node.name}; then run the update again`,
    };
  }
  if (!agent) {
    return {
      what: "it was moved to kiam, and no agent runs there",
      why: "its pods are refused",
      fix: "see why kiam's DaemonSet has no pod there",
    };
  }
  if (isProvenNow(node)) return undefined;
  return {
    what:
      record === undefined
        ? "it has not been moved: it joined after the last update made its plan"
        : "its move to kiam is not proven as it is now (it was undone, or the node has rebooted since)",
    why: "its pods may be served by kube2iam",
    fix: "run the update again: it moves this node first",
  };
}

/** Nodes that joined after the DaemonSet was gone never had kube2iam, and are not proven yet. */
async function joinedMeanwhile(
  cluster: Cluster,
  input: Input,
  workers: readonly Worker[],
): Promise<string[]> {
  const now = await list(cluster, input, { applications: false });
  return now
    .filter(({ name }) => !workers.some((worker) => worker.name === name))
    .map(({ name }) => `${name} joined meanwhile, without kube2iam; the next update proves it`);
}

/**
 * Sees that nothing depends on kube2iam any more, and takes its DaemonSet away from its pods.
 *
 * @returns who still holds a connection, where the settings say to proceed and it could not be closed
 */
async function withdraw(
  cluster: Cluster,
  input: Input,
  workers: readonly Worker[],
  daemonSet: V1DaemonSet | undefined,
): Promise<LingeringClient[]> {
  const { target, connections } = input;
  if (daemonSet !== undefined) refusePreStop(daemonSet);
  const rules = await NodeRules.read(cluster, target);
  await onEachWorker(workers, "kube2iam is still in use", (worker) =>
    unlessGone(cluster, worker, async () => [await requireKiamAlone(rules, worker)]),
  );
  const left = await waitOrNote(cluster, input, workers, connections.waitSeconds);
  if (daemonSet !== undefined) await deleteDaemonSet(cluster, daemonSet, target.timeoutSeconds);
  return left;
}

function refusePreStop(daemonSet: V1DaemonSet): void {
  const [hook] = dangerousHooks(daemonSet.spec?.template.spec);
  if (hook === undefined) return;
  throw new GateError("kube2iam's preStop hook forbids to delete it; nothing was touched", [
    hookIsBack(
      nameOf(daemonSet),
      hook,
      "hooks of this kind delete every nat rule for 169.254.169.254, kiam's included: pods would be given the node's own role",
    ),
  ]);
}

/** kube2iam's rule is nowhere on the worker, and kiam's is in force. */
async function requireKiamAlone(rules: NodeRules, worker: Worker): Promise<void> {
  const report = await rules.inspect(worker);
  const problem = notInForce(worker, report, "kiam");
  if (problem !== undefined) throw new GateError("", [problem]);
  const left = report.after.kube2iam;
  if (left.length > 0) {
    throw new GateError("", [
      {
        where: `node ${worker.name}`,
        what: `kube2iam's rule is there again, behind kiam's (${left.map((rule) => rule.spec).join("; ")})`,
        why: "once kube2iam is gone it would lead nowhere, should kiam's rule ever go",
        fix: "kube2iam's pod was restarted: run the update again, which cuts this worker over anew",
      },
    ]);
  }
}

/** Where the wait is in vain, the next update's commands that close connections run again. */
async function waitOrNote(
  cluster: Cluster,
  { target, connections }: Input,
  workers: readonly Worker[],
  waitSeconds: number,
): Promise<LingeringClient[]> {
  try {
    return await waitForConnections(cluster, target, workers, { ...connections, waitSeconds });
  } catch (error) {
    await noteForNextPlan(cluster, target, { connectionsLeft: new Date().toISOString() });
    throw error;
  }
}

/** The pods stay. Waited for, since its controller would replace a pod that is deleted meanwhile. */
async function deleteDaemonSet(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  timeoutSeconds: number,
): Promise<void> {
  const name = nameOf(daemonSet);
  await cluster.deleteDaemonSet(name);
  const look = await waitFor<true, undefined>(Deadline.after(timeoutSeconds), async () =>
    (await cluster.daemonSet(name)) === undefined ? { done: true } : { pending: undefined },
  );
  if ("done" in look) return;
  throw new GateError("kube2iam's DaemonSet does not go; its pods go on running", [
    {
      where: `DaemonSet ${name.namespace}/${name.name}`,
      what: `still there ${timeoutSeconds} s after it was deleted`,
      fix: "see its finalizers: `orphan` is taken off by the cluster's garbage collector (kube-controller-manager)",
    },
  ]);
}

async function oneByOne(
  cluster: Cluster,
  input: Input,
  workers: readonly { worker: Worker; pods: V1Pod[]; waitSeconds: number }[],
): Promise<ProbeResult[]> {
  const { target } = input;
  const sorted = [...workers].sort((a, b) => (a.worker.name < b.worker.name ? -1 : 1));
  const probes: ProbeResult[] = [];
  for (const [index, { worker, pods, waitSeconds }] of sorted.entries()) {
    try {
      await requireProven(cluster, input);
      const proof = await unlessGone(cluster, worker, async () => {
        await requireKiamAlone(await NodeRules.read(cluster, target), worker);
        await waitOrNote(cluster, input, [worker], waitSeconds);
        await deletePods(cluster, pods, target.timeoutSeconds);
        return [await prove(cluster, input, worker)];
      });
      probes.push(...proof);
    } catch (error) {
      const rest = sorted.slice(index + 1).map((each) => each.worker.name);
      throw new GateError(
        `kube2iam's retirement stops at ${worker.name}; kube2iam goes on running on ${rest.join(", ") || "no further worker"}`,
        problemsOf(error, `node ${worker.name}`),
        { cause: error },
      );
    }
    progress(`${worker.name}: kube2iam's pod is gone (${index + 1} of ${sorted.length})`);
  }
  return probes;
}

async function prove(
  cluster: Cluster,
  { target, probe }: Input,
  worker: Worker,
): Promise<ProbeResult> {
  await requireKiamRule(cluster, target, worker);
  await removeLeftRule(cluster, target, worker);
  return (await proveLive(cluster, { target, worker, probe, system: "kiam" })).result;
}

/** A rule of kube2iam behind kiam's, which its pod inserted once more before it went. */
async function removeLeftRule(cluster: Cluster, target: Target, worker: Worker): Promise<void> {
  const { after } = await (await NodeRules.read(cluster, target)).inspect(worker);
  if (after.kube2iam.length > 0) await removeRule(cluster, target, worker);
}

/** Nodes that the settings leave out by name. Their pods are refused from here on, which is better than the node's own role. */
async function retireElsewhere(
  cluster: Cluster,
  { target, outside }: Input,
  pods: readonly V1Pod[],
): Promise<string[]> {
  const elsewhere = pods.filter(({ spec }) => outside.includes(spec?.nodeName ?? ""));
  await deletePods(cluster, elsewhere, target.timeoutSeconds);
  return elsewhere.map(
    ({ spec }) =>
      `${spec?.nodeName} is not among the workers: kube2iam's pod there is gone, and its rule stays: pods there that ask for a role are refused, until that node reboots or somebody deletes the rule; then they read the node's own role`,
  );
}

/** Nothing watches kube2iam from here on: a pod that is left would insert its rule whenever it starts. */
async function requireGone(cluster: Cluster, manifest: V1DaemonSet): Promise<void> {
  const left = await listKube2iamPods(cluster, manifest);
  if (left.length === 0) return;
  throw new GateError(
    "kube2iam is not gone everywhere",
    left.map((pod) => ({
      where: describePod(pod),
      what: "it is still there, or there again",
      why: "whenever it starts it inserts kube2iam's rule, which may come first after a boot",
      fix: "see who made it (a node's own manifest, a deployment tool), then run the update again, which takes it away",
    })),
  );
}

/** What the DaemonSet's controller kept for itself. It harms nobody where it stays. */
async function tidyUp(cluster: Cluster, manifest: V1DaemonSet): Promise<string[]> {
  try {
    await cluster.deleteOwnerlessRevisions(nameOf(manifest), selectorText(manifest.spec?.selector));
    return [];
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return [`its ControllerRevisions are left over: ${error.message}`];
  }
}
