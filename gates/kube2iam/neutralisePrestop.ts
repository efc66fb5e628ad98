import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import { digest } from "../../migration/text/digest.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import { notReadyBecause } from "../../migration/situation/nodeStandings.js";
import { describePod, nameOf } from "../../cluster/kubernetes/objects.js";
import { ClusterError } from "../../cluster/kubernetes/call.js";
import { disarmPod } from "./disarm.js";
import { deletePods, isUnplaced, listKube2iamPods } from "./pods.js";
import { preStopPatch } from "./preStopPatch.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { unlessLost } from "../nodes/standings.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { errorAt, noteForNextPlan, progress } from "../protocol/progress.js";
import { waitFor } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";

/**
 * Runs before kiam's agents come: from here on no pod of kube2iam deletes a rule when it goes. The
 * hook is taken off the DaemonSet, and disarmed inside the pods that were made with it; no pod
 * restarts. There is no undo: putting it back would restart kube2iam everywhere.
 *
 * Nodes that cannot be reached hold up no other node. Their move waits, and a token is noted that
 * differs from the one in the stack's state, so that the next update runs this again.
 */
export const neutralisePrestop: Gate<"neutralise-prestop"> = async ({ target, token }) => {
  const context = await GateContext.connect(target);
  // Before anything else, so that an interrupted run is followed by another; see preStopToken.ts.
  await noteForNextPlan(context, { preStopToken: token });
  const daemonSet = await context.kube2iam();
  if (daemonSet === undefined) {
    progress(`there is no ${context.kube2iamText}, so it has no hook either`);
    return { removed: [], disarmed: [], skipped: [] };
  }
  const removed = dangerousHooks(daemonSet.spec?.template.spec).map((hook) =>
    hook.command.join(" "),
  );
  const hooked = (await listKube2iamPods(context, daemonSet)).some(hasHook);
  const patched = removed.length > 0 || (hooked && !keepsItsPods(daemonSet));
  if (patched) await takeHooksOff(context, daemonSet);
  for (const hook of removed) {
    progress(`${context.kube2iamText}: preStop hook taken off: ${hook}`);
  }
  const { pods, broken } = await settledHookedPods(context, daemonSet);
  const reached = await onEachWorker(
    pods,
    "kube2iam's preStop hook is not disarmed everywhere",
    (node) =>
      unlessLost(context, node, async () => {
        await disarmPod(context.cluster, node.pod);
        progress(`${node.name}: the preStop hook of ${nameOf(node.pod).name} is disarmed`);
        return [node.name];
      }),
  );
  const disarmed = reached.flat().sort();
  if (patched) await requireNotPutBack(context);
  const lost = pods.map((node) => node.name).filter((node) => !disarmed.includes(node));
  const skipped = [...broken, ...lost].sort();
  if (skipped.length > 0) {
    progress(
      `${skipped.join(", ")}: cannot be reached, kube2iam's pod there keeps its hook; the next update disarms it`,
    );
    await noteForNextPlan(context, { preStopToken: digest([token, ...skipped]) });
  }
  return { removed, disarmed, skipped };
};

async function takeHooksOff(context: GateContext, daemonSet: V1DaemonSet): Promise<void> {
  try {
    await context.cluster.patchDaemonSet(context.kube2iamName, preStopPatch(daemonSet));
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error;
    throw errorAt(
      context.kube2iamText,
      "kube2iam's preStop hook is not taken off; nothing was touched",
      {
        what: error.message,
        why: "its hook deletes kiam's rule whenever a pod of it goes",
        fix:
          error.code === 403
            ? "allow this user to patch DaemonSets there; or take the hook off by hand, with updateStrategy OnDelete in the same change"
            : "run the update again: the DaemonSet may have been changed at the same moment",
      },
      { cause: error },
    );
  }
}

interface HookedPods {
  /** Those that can be disarmed, each with its node. */
  pods: (NodeFacts & { pod: V1Pod })[];
  /** Nodes that cannot be reached, and whose pod has the hook. */
  broken: string[];
}

/**
 * The pods that still have the hook, once their number can only become smaller: the DaemonSet's
 * controller knows of the change, and no hook is running at this moment. A pod that waits for room
 * is deleted, since nothing of it runs; the next one has no hook.
 */
async function settledHookedPods(
  context: GateContext,
  daemonSet: V1DaemonSet,
): Promise<HookedPods> {
  const look = await waitFor<HookedPods, Problem[]>(context.deadline(), async () => {
    const now = (await context.kube2iam()) ?? daemonSet;
    const hooked = (await listKube2iamPods(context, now)).filter(hasHook);
    await deletePods(context, hooked.filter(isUnplaced));
    const placed = (await context.nodes()).flatMap((node) =>
      hooked.flatMap((pod) => (pod.spec?.nodeName === node.name ? [{ ...node, pod }] : [])),
    );
    const broken = placed.filter((node) => notReadyBecause(node) !== undefined);
    const pods = placed.filter((node) => !broken.includes(node));
    const problems = pods.flatMap(({ pod }) => unsettled(pod));
    if ((now.status?.observedGeneration ?? 0) < (now.metadata?.generation ?? 0)) {
      problems.unshift({
        where: context.kube2iamText,
        what: "its controller has not seen the change yet",
        fix: "see whether kube-controller-manager runs, then run again",
      });
    }
    return problems.length > 0
      ? { pending: problems }
      : { done: { pods, broken: broken.map(({ name }) => name) } };
  });
  if ("done" in look) return look.done;
  throw new GateError(
    `kube2iam's preStop hook cannot be disarmed everywhere (after ${context.target.timeoutSeconds} s)`,
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
async function requireNotPutBack(context: GateContext): Promise<void> {
  const now = await context.kube2iam();
  if (now === undefined) return;
  if (dangerousHooks(now.spec?.template.spec).length === 0 && keepsItsPods(now)) return;
  const managers = new Set(now.metadata?.managedFields?.map((entry) => entry.manager ?? "unknown"));
  throw errorAt(context.kube2iamText, "kube2iam's preStop hook was put back at once", {
    what: `its hook or its updateStrategy is again what it was; these manage it: ${[...managers].join(", ")}`,
    why: "its pods would be replaced by ones with the hook, which deletes kiam's rule",
    fix: "take the hook out, and set updateStrategy OnDelete, where kube2iam is deployed from; or suspend that tool until kube2iam is retired",
  });
}

function hasHook(pod: V1Pod): boolean {
  return dangerousHooks(pod.spec).length > 0;
}

/** Whether a changed template leaves the running pods alone. */
function keepsItsPods(daemonSet: V1DaemonSet): boolean {
  return daemonSet.spec?.updateStrategy?.type === "OnDelete";
}
