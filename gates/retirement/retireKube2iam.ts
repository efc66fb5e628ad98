import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { describePod, nameOf, selectorText } from "../../cluster/kubernetes/objects.js";
import { ClusterError } from "../../cluster/kubernetes/call.js";
import type { NodeRules } from "../../cluster/rules/nodeRules.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import { StopAskedError } from "../../migration/move/orderlyStop.js";
import type { Worker } from "../../migration/situation/target.js";
import { GateError, problemsOf } from "../../migration/text/problem.js";
import { requireKiamRule } from "../cutover/kiamRule.js";
import {
  deletePods,
  isUnplaced,
  listKube2iamPods,
  type Kube2iamManifest,
} from "../kube2iam/pods.js";
import { hookIsBack } from "../kube2iam/preStop.js";
import { removeRule } from "../kube2iam/rule.js";
import { notInForce } from "../nodes/ruleReport.js";
import { unlessGone } from "../nodes/standings.js";
import { proveLive } from "../probe/live.js";
import { GateContext } from "../protocol/context.js";
import type { CheckedInput, Gate, ProbeResult } from "../protocol/inputs.js";
import { errorAt, errorOn, noteForNextPlan, progress } from "../protocol/progress.js";
import { isStopAsked, refuseWhereStopAsked } from "../protocol/stop.js";
import { onEachWorker } from "../protocol/workers.js";
import {
  describeClient,
  waitForConnections,
  type ConnectionLimit,
  type LingeringClient,
} from "./waitForConnections.js";
import { joinedMeanwhile, provenWorkers, reachableWorkers, requireProven } from "./provenNodes.js";

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
  refuseWhereStopAsked();
  const context = await GateContext.connect(input.target);
  const { manifest } = input;
  const name = nameOf(manifest);
  const daemonSet = await context.cluster.daemonSet(name);
  const isThere = daemonSet !== undefined || (await listKube2iamPods(context, manifest)).length > 0;
  if (!isThere) progress(`DaemonSet ${name.namespace}/${name.name} is gone already`);
  const workers = isThere
    ? await provenWorkers(context, input)
    : await reachableWorkers(context, input);
  const left = isThere ? await withdraw(context, input, workers, daemonSet) : [];
  const notes = left.map((each) => `${describeClient(each)} (${each.worker})`);

  // A pod that still waits for room would start when there is some, and insert its rule. The next
  // boot could then put it first.
  await deletePods(context, (await listKube2iamPods(context, manifest)).filter(isUnplaced));
  // A node may have joined since, and have been given kube2iam before its DaemonSet was gone.
  await requireProven(context, input);
  const pods = await listKube2iamPods(context, manifest);
  const own = workers.map((worker) => ({
    worker,
    pods: pods.filter(({ spec }) => spec?.nodeName === worker.name),
    // A client that was waited for in vain is not waited for again.
    waitSeconds: left.some((each) => each.worker === worker.name)
      ? 0
      : input.connections.waitSeconds,
  }));
  const waiting = input.pace === "worker" ? own.filter((each) => each.pods.length > 0) : [];
  const free = own.filter((each) => !waiting.includes(each));
  const probes = [
    ...(await atOnce(context, input, free)),
    ...(await oneByOne(context, input, waiting)),
  ];
  notes.push(...(await retireElsewhere(context, input, pods)));
  await requireGone(context, manifest);
  if (isThere) {
    progress(`DaemonSet ${name.namespace}/${name.name} and its pods are gone`);
    notes.push(...(await tidyUp(context, manifest)));
  }
  notes.push(...(await joinedMeanwhile(context, input, workers)));
  for (const note of notes) progress(note);
  return { deleted: isThere, probes, notes };
};

/**
 * Checks that nothing depends on kube2iam any more, and takes its DaemonSet away from its pods.
 *
 * @returns the clients that still hold a connection, where the settings say to proceed all the same
 */
async function withdraw(
  context: GateContext,
  { connections }: Input,
  workers: readonly Worker[],
  daemonSet: V1DaemonSet | undefined,
): Promise<LingeringClient[]> {
  if (daemonSet !== undefined) refusePreStop(context, daemonSet);
  const rules = await context.rules();
  await onEachWorker(workers, "kube2iam is still in use", (worker) =>
    unlessGone(context, worker, async () => [await requireKiamAlone(rules, worker)]),
  );
  const left = await waitOrNote(context, workers, connections);
  if (daemonSet !== undefined) await deleteDaemonSet(context, daemonSet);
  return left;
}

function refusePreStop(context: GateContext, daemonSet: V1DaemonSet): void {
  const [hook] = dangerousHooks(daemonSet.spec?.template.spec);
  if (hook === undefined) return;
  throw hookIsBack(
    context,
    hook,
    "kube2iam is not deleted as long as it has its preStop hook; nothing was touched",
    "hooks of this kind delete every nat rule for 169.254.169.254, kiam's included: pods would be given the node's own role",
  );
}

/** kube2iam's rule is nowhere on the worker, and kiam's is in force. */
async function requireKiamAlone(rules: NodeRules, worker: Worker): Promise<void> {
  const report = await rules.inspect(worker);
  const problem = notInForce(worker, report, "kiam");
  if (problem !== undefined) throw new GateError("", [problem]);
  const left = report.after.kube2iam;
  if (left.length > 0) {
    throw errorOn(worker, "", {
      what: `kube2iam's rule is there again, behind kiam's (${left.map((rule) => rule.spec).join("; ")})`,
      why: "it leads nowhere once kube2iam is gone, and requests follow it if kiam's rule ever goes",
      fix: "kube2iam's pod was restarted: run the update again, which cuts this worker over anew",
    });
  }
}

/** Where the wait is in vain, this is noted: the next update then tries again to close connections. */
async function waitOrNote(
  context: GateContext,
  workers: readonly Worker[],
  limit: ConnectionLimit,
): Promise<LingeringClient[]> {
  try {
    return await waitForConnections(context, workers, limit);
  } catch (error) {
    if (!(error instanceof StopAskedError)) {
      await noteForNextPlan(context, { connectionsLeft: new Date().toISOString() });
    }
    throw error;
  }
}

/** Its pods stay. Waits until it is gone: until then its controller replaces a pod that is deleted. */
async function deleteDaemonSet(context: GateContext, daemonSet: V1DaemonSet): Promise<void> {
  const { cluster, target } = context;
  const name = nameOf(daemonSet);
  await cluster.deleteDaemonSet(name);
  if (await context.until(async () => (await cluster.daemonSet(name)) === undefined)) return;
  const where = `DaemonSet ${name.namespace}/${name.name}`;
  throw errorAt(where, "kube2iam's DaemonSet does not go; its pods go on running", {
    what: `still there ${target.timeoutSeconds} s after it was deleted`,
    fix: "see its finalizers; the cluster's garbage collector (kube-controller-manager) takes `orphan` off",
  });
}

/** A worker with kube2iam's pods on it, if there are any. */
interface Retiring {
  worker: Worker;
  pods: V1Pod[];
}

/** Also for workers that have no pod: they are only proven. */
async function atOnce(
  context: GateContext,
  input: Input,
  workers: readonly Retiring[],
): Promise<ProbeResult[]> {
  const left: string[] = [];
  await onEachWorker(
    workers.map(({ worker, pods }) => ({ name: worker.name, pods })),
    "kube2iam's pods do not go",
    async ({ name, pods }) => {
      if (pods.length > 0 && isStopAsked()) left.push(name);
      else await deletePods(context, pods);
    },
  );
  const proven = await onEachWorker(
    workers.map(({ worker }) => worker).filter(({ name }) => !left.includes(name)),
    "kube2iam is gone, and not every worker is proven to be served by kiam",
    (worker) => unlessGone(context, worker, async () => [await prove(context, input, worker)]),
  );
  if (left.length > 0) throw goesOnRunning(left);
  return proven.flat();
}

function goesOnRunning(workers: readonly string[]): StopAskedError {
  return new StopAskedError(`kube2iam goes on running on ${[...workers].sort().join(", ")}`);
}

async function oneByOne(
  context: GateContext,
  input: Input,
  workers: readonly (Retiring & { waitSeconds: number })[],
): Promise<ProbeResult[]> {
  const sorted = [...workers].sort((a, b) => (a.worker.name < b.worker.name ? -1 : 1));
  const probes: ProbeResult[] = [];
  for (const [index, { worker, pods, waitSeconds }] of sorted.entries()) {
    try {
      refuseWhereStopAsked();
      await requireProven(context, input);
      const proof = await unlessGone(context, worker, async () => {
        await requireKiamAlone(await context.rules(), worker);
        await waitOrNote(context, [worker], { ...input.connections, waitSeconds });
        await deletePods(context, pods);
        return [await prove(context, input, worker)];
      });
      probes.push(...proof);
    } catch (error) {
      const rest = sorted.slice(index + 1).map((each) => each.worker.name);
      if (error instanceof StopAskedError) throw goesOnRunning([worker.name, ...rest]);
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

async function prove(context: GateContext, { probe }: Input, worker: Worker): Promise<ProbeResult> {
  await requireKiamRule(context, worker);
  // kube2iam's pod may have inserted its rule once more before it went.
  const { after } = await (await context.rules()).inspect(worker);
  if (after.kube2iam.length > 0) await removeRule(context, worker);
  return proveLive(context, { worker, probe, system: "kiam" });
}

/** Nodes that the settings leave out by name. Their pods are refused from here on, which is better than the node's own role. */
async function retireElsewhere(
  context: GateContext,
  { outside }: Input,
  pods: readonly V1Pod[],
): Promise<string[]> {
  const elsewhere = pods.filter(({ spec }) => outside.includes(spec?.nodeName ?? ""));
  await deletePods(context, elsewhere);
  return elsewhere.map(
    ({ spec }) =>
      `${spec?.nodeName} is not among the workers: kube2iam's pod there is gone, and its rule stays. Pods there that ask for a role are refused until that node reboots or the rule is deleted; from then on they read the node's own role`,
  );
}

/** Nothing watches kube2iam from here on: a pod that is left would insert its rule whenever it starts. */
async function requireGone(context: GateContext, manifest: Kube2iamManifest): Promise<void> {
  const left = await listKube2iamPods(context, manifest);
  if (left.length === 0) return;
  throw new GateError(
    "kube2iam is not gone everywhere",
    left.map((pod) => ({
      where: describePod(pod),
      what: "it is still there, or there again",
      why: "whenever it starts it inserts kube2iam's rule, which may come first after a boot",
      fix: "find out what made it (a node's own manifest, a deployment tool), then run the update again, which takes it away",
    })),
  );
}

/** What the DaemonSet's controller kept for itself. It does no harm where it stays. */
async function tidyUp({ cluster }: GateContext, manifest: Kube2iamManifest): Promise<string[]> {
  try {
    await cluster.deleteOwnerlessRevisions(nameOf(manifest), selectorText(manifest.spec?.selector));
    return [];
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    return [`its ControllerRevisions are left over: ${error.message}`];
  }
}
