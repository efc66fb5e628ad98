import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { digest } from "../../migration/digest.js";
import { dangerousHooks } from "../../migration/kube2iamPreStop.js";
import { notReadyBecause } from "../../migration/nodeStandings.js";
import { nodeFacts } from "../../migration/readClusterFacts.js";
import { Cluster, ClusterError, describePod, nameOf } from "../cluster.js";
import { disarmPod } from "../disarm.js";
import { noteForNextPlan } from "../gateNotes.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { preStopPatch } from "../preStopPatch.js";
import { GateError, type Problem } from "../problem.js";
import { progress } from "../progress.js";
import { Deadline, waitFor } from "../wait.js";
import { onEachWorker } from "../workers.js";

/**
 * Before kiam's agents are there: no pod of kube2iam's that goes can delete a rule any more. The
 * hook is taken off the DaemonSet, and disarmed inside the pods that were made with it; no pod
 * restarts. There is no undo: putting it back would restart kube2iam everywhere.
 */
export async function neutralisePrestop({
  target,
  token,
}: CheckedInput<"neutralise-prestop">): Promise<GateOutput<"neutralise-prestop">> {
  const cluster = await Cluster.connect(target.kubernetes);
  // Before anything else, so that an interrupted run is followed by another; see preStopToken.ts.
  await noteForNextPlan(cluster, target, { preStopToken: token });
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet === undefined) {
    progress(`there is no DaemonSet ${name.namespace}/${name.name}, so no hook of its either`);
    return { removed: [], disarmed: [] };
  }
  const removed = dangerousHooks(daemonSet.spec?.template.spec).map((hook) =>
    hook.command.join(" "),
  );
  const hooked = (await cluster.podsOf(daemonSet)).some(hasHook);
  const patched = removed.length > 0 || (hooked && !keepsItsPods(daemonSet));
  if (patched) await takeHooksOff(cluster, daemonSet);
  for (const hook of removed) {
    progress(`DaemonSet ${name.namespace}/${name.name}: preStop hook taken off: ${hook}`);
  }
  const { pods, left } = await settledHookedPods(cluster, daemonSet, target.timeoutSeconds);
  const disarmed = await onEachWorker(
    pods.map((pod) => ({ name: pod.spec?.nodeName ?? "", pod })),
    "kube2iam's preStop hook is not disarmed everywhere",
    async ({ name: node, pod }) => {
      await disarmPod(cluster, pod);
      progress(`${node}: the preStop hook of ${nameOf(pod).name} is disarmed`);
      return node;
    },
  );
  for (const [node, why] of left) {
    progress(`${node}: ${why}; kube2iam's preStop hook there is left to the next update`);
  }
  // Another token than this run's, so that the next update runs this again.
  if (left.size > 0) {
    await noteForNextPlan(cluster, target, { preStopToken: digest([token, "left"]) });
  }
  if (patched) await requireNobodyPutsItBack(cluster, daemonSet);
  return { removed, disarmed: disarmed.sort() };
}

async function takeHooksOff(cluster: Cluster, daemonSet: V1DaemonSet): Promise<void> {
  const { namespace, name } = nameOf(daemonSet);
  try {
    await cluster.patchDaemonSet({ namespace, name }, preStopPatch(daemonSet));
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    throw new GateError(
      "kube2iam's preStop hook is not taken off; nothing was touched",
      [
        {
          where: `DaemonSet ${namespace}/${name}`,
          what: error.message,
          why: "its hook deletes kiam's rule whenever a pod of it goes",
          fix:
            error.code === 403
              ? "allow this user to patch DaemonSets there; or take the hook off by hand, with updateStrategy OnDelete in the same change"
              : "run the update again: the DaemonSet may have been changed at the same moment",
        },
      ],
      { cause: error },
    );
  }
}

/** The pods with a hook whose nodes can be reached, and by name why other nodes cannot. */
interface HookedPods {
  pods: V1Pod[];
  left: Map<string, string>;
}

/**
 * The pods that still have the hook, once their number can only become smaller: the DaemonSet's
 * controller knows of the change, and no hook is running at this moment. Those of nodes that cannot
 * be reached are not waited for: such a node is not moved either. Those of nodes that have left run
 * no more.
 */
async function settledHookedPods(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  timeoutSeconds: number,
): Promise<HookedPods> {
  const look = await waitFor<HookedPods, Problem[]>(Deadline.after(timeoutSeconds), async () => {
    const now = (await cluster.daemonSet(nameOf(daemonSet))) ?? daemonSet;
    const hooked = await hookedPods(cluster, now);
    const unseen = (now.status?.observedGeneration ?? 0) < (now.metadata?.generation ?? 0);
    const problems: Problem[] = [
      ...(unseen
        ? [
            {
              where: `DaemonSet ${now.metadata?.namespace}/${now.metadata?.name}`,
              what: "its controller has not seen the change yet",
              fix: "see whether kube-controller-manager runs, then run again",
            },
          ]
        : []),
      ...hooked.pods.flatMap(unsettled),
    ];
    return problems.length === 0 ? { done: hooked } : { pending: problems };
  });
  if ("done" in look) return look.done;
  throw new GateError(
    `kube2iam's preStop hook cannot be disarmed everywhere (after ${timeoutSeconds} s)`,
    look.pending.map((problem) => ({
      ...problem,
      why: "a pod that was made with the hook runs it when it goes",
    })),
  );
}

async function hookedPods(cluster: Cluster, daemonSet: V1DaemonSet): Promise<HookedPods> {
  const [own, listed] = await Promise.all([cluster.podsOf(daemonSet), cluster.nodes()]);
  const nodes = new Map(listed.map((node) => [nameOf(node).name, nodeFacts(node)]));
  const pods: V1Pod[] = [];
  const left = new Map<string, string>();
  for (const pod of own.filter(hasHook)) {
    const name = pod.spec?.nodeName;
    const node = name === undefined ? undefined : nodes.get(name);
    if (name !== undefined && node === undefined) continue;
    const broken = node && notReadyBecause(node);
    if (node !== undefined && broken !== undefined) left.set(node.name, broken);
    else pods.push(pod);
  }
  return { pods, left };
}

/** What has to be waited for before a pod's hook can be disarmed; none where it can. */
function unsettled(pod: V1Pod): Problem[] {
  const where = describePod(pod);
  if (pod.metadata?.deletionTimestamp !== undefined) {
    const what = "it is going, and its hook may still be running";
    return [{ where, what, fix: "see why its node does not stop it, then run again" }];
  }
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ];
  const waiting = dangerousHooks(pod.spec).find(
    ({ container }) =>
      statuses.find((status) => status.name === container)?.state?.running === undefined,
  );
  if (waiting === undefined) return [];
  return [
    {
      where,
      what: `its container ${waiting.container} does not run`,
      fix: "delete this pod, since no hook runs in a container that is down, and the next one has none; then run again",
    },
  ];
}

/** A deployment tool that watches the DaemonSet would undo all of it. */
async function requireNobodyPutsItBack(cluster: Cluster, daemonSet: V1DaemonSet): Promise<void> {
  const now = await cluster.daemonSet(nameOf(daemonSet));
  if (now === undefined) return;
  if (dangerousHooks(now.spec?.template.spec).length === 0 && keepsItsPods(now)) return;
  const { namespace, name } = nameOf(now);
  const managers = new Set(now.metadata?.managedFields?.map((entry) => entry.manager ?? "unknown"));
  throw new GateError("kube2iam's preStop hook was put back at once", [
    {
      where: `DaemonSet ${namespace}/${name}`,
      what: `its hook or its updateStrategy is again what it was; these manage it: ${[...managers].join(", ")}`,
      why: "its pods would be replaced by ones with the hook, which deletes kiam's rule",
      fix: "take the hook out, and set updateStrategy OnDelete, where kube2iam is deployed from; or suspend that tool until kube2iam is retired",
    },
  ]);
}

function hasHook(pod: V1Pod): boolean {
  return dangerousHooks(pod.spec).length > 0;
}

/** Whether a changed template leaves the running pods alone. */
function keepsItsPods(daemonSet: V1DaemonSet): boolean {
  return daemonSet.spec?.updateStrategy?.type === "OnDelete";
}
