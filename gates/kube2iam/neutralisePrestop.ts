import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { digest } from "../../migration/text/digest.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import { notReadyBecause } from "../../migration/situation/nodeStandings.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { Cluster, ClusterError, describePod, nameOf } from "../../cluster/kubernetes/cluster.js";
import { disarmPod } from "./disarm.js";
import type { Gate } from "../protocol/inputs.js";
import { deletePods, isUnplaced, listKube2iamPods } from "../retirement/podDeletion.js";
import { preStopPatch } from "./preStopPatch.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { noteForNextPlan, progress } from "../protocol/progress.js";
import { unlessLost } from "../nodes/standings.js";
import { Deadline, waitFor } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";

/**
 * Before kiam's agents are there: no pod of kube2iam's that goes can delete a rule any more. The
 * hook is taken off the DaemonSet, and disarmed inside the pods that were made with it; no pod
 * restarts. There is no undo: putting it back would restart kube2iam everywhere.
 *
 * Nodes that cannot be reached hold up nobody: their move waits, and another token than the stack's
 * state holds is noted, so that the next update runs this again.
 */
export const neutralisePrestop: Gate<"neutralise-prestop"> = async ({ target, token }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  // Before anything else, so that an interrupted run is followed by another; see preStopToken.ts.
  await noteForNextPlan(cluster, target, { preStopToken: token });
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet === undefined) {
    progress(`there is no DaemonSet ${name.namespace}/${name.name}, so no hook of its either`);
    return { removed: [], disarmed: [], skipped: [] };
  }
  const removed = dangerousHooks(daemonSet.spec?.template.spec).map((hook) =>
    hook.command.join(" "),
  );
  const hooked = (await listKube2iamPods(cluster, daemonSet)).some(hasHook);
  const patched = removed.length > 0 || (hooked && !keepsItsPods(daemonSet));
  if (patched) await takeHooksOff(cluster, daemonSet);
  for (const hook of removed) {
    progress(`DaemonSet ${name.namespace}/${name.name}: preStop hook taken off: ${hook}`);
  }
  const { pods, broken } = await settledHookedPods(cluster, daemonSet, target.timeoutSeconds);
  const reached = await onEachWorker(
    pods,
    "kube2iam's preStop hook is not disarmed everywhere",
    (node) =>
      unlessLost(cluster, node, async () => {
        await disarmPod(cluster, node.pod);
        progress(`${node.name}: the preStop hook of ${nameOf(node.pod).name} is disarmed`);
        return [node.name];
      }),
  );
  const disarmed = reached.flat().sort();
  if (patched) await requireNobodyPutsItBack(cluster, daemonSet);
  const lost = pods.map(({ name }) => name).filter((node) => !disarmed.includes(node));
  const skipped = [...broken, ...lost].sort();
  if (skipped.length > 0) {
    progress(
      `${skipped.join(", ")}: cannot be reached, kube2iam's pod there keeps its hook; the next update disarms it`,
    );
    await noteForNextPlan(cluster, target, { preStopToken: digest([token, ...skipped]) });
  }
  return { removed, disarmed, skipped };
};

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

interface HookedPods {
  /** Those that can be disarmed, each with its node. */
  pods: { name: string; uid: string; pod: V1Pod }[];
  /** Nodes that cannot be reached, and whose pod has the hook. */
  broken: string[];
}

/**
 * The pods that still have the hook, once their number can only become smaller: the DaemonSet's
 * controller knows of the change, and no hook is running at this moment. A pod that waits for room
 * is deleted, since nothing of it runs; the next one has no hook.
 */
async function settledHookedPods(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  timeoutSeconds: number,
): Promise<HookedPods> {
  const look = await waitFor<HookedPods, Problem[]>(Deadline.after(timeoutSeconds), async () => {
    const now = (await cluster.daemonSet(nameOf(daemonSet))) ?? daemonSet;
    const hooked = (await listKube2iamPods(cluster, now)).filter(hasHook);
    await deletePods(cluster, hooked.filter(isUnplaced), timeoutSeconds);
    const nodes = (await cluster.nodes()).map(nodeFacts);
    const placed = nodes.flatMap((node) =>
      hooked.flatMap((pod) => (pod.spec?.nodeName === node.name ? [{ node, pod }] : [])),
    );
    const broken = placed.filter(({ node }) => notReadyBecause(node) !== undefined);
    const pods = placed.filter((each) => !broken.includes(each));
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
      ...pods.flatMap(({ pod }) => unsettled(pod)),
    ];
    return problems.length === 0
      ? {
          done: {
            pods: pods.map(({ node: { name, uid }, pod }) => ({ name, uid, pod })),
            broken: broken.map(({ node }) => node.name),
          },
        }
      : { pending: problems };
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
