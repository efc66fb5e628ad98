import type { V1DaemonSet, V1DaemonSetSpec, V1Pod } from "@kubernetes/client-node";

import { describePod, isReady, nameOf, selectorText } from "../../cluster/kubernetes/objects.js";
import { waitFor } from "../../cluster/wait.js";
import type { Worker } from "../../migration/situation/target.js";
import type { GateContext } from "../protocol/context.js";
import { onEachWorker } from "../protocol/workers.js";
import { disarmPod } from "./disarm.js";
import { errorAt, errorOn } from "../protocol/progress.js";

/** What tells kube2iam's pods: its DaemonSet, or that as it was captured. */
export type Kube2iamManifest = Pick<V1DaemonSet, "metadata"> & {
  spec?: Pick<V1DaemonSetSpec, "selector">;
};

/**
 * kube2iam's pods on nodes of the cluster. Pods of a node that has left do not count: they no
 * longer run, and Kubernetes takes its time to remove them.
 */
export async function listKube2iamPods(
  context: GateContext,
  manifest: Kube2iamManifest,
): Promise<V1Pod[]> {
  const [pods, nodes] = await Promise.all([kube2iamPodsOf(context, manifest), context.nodes()]);
  const present = new Set(nodes.map(({ name }) => name));
  return pods.filter((pod) => isUnplaced(pod) || present.has(pod.spec?.nodeName ?? ""));
}

/**
 * kube2iam's pods wherever they are: pods with its labels, without a controller or with a DaemonSet
 * of its name. So those that outlived their DaemonSet count, and those of nodes that have left: to
 * wait until all of these are gone may be in vain.
 */
export async function kube2iamPodsOf(
  { cluster }: GateContext,
  manifest: Kube2iamManifest,
): Promise<V1Pod[]> {
  const { namespace, name } = nameOf(manifest);
  const selector = selectorText(manifest.spec?.selector);
  if (selector === "") throw new Error(`DaemonSet ${namespace}/${name} has an empty selector`);
  return (await cluster.pods(namespace, selector)).filter(({ metadata }) => {
    const controller = metadata?.ownerReferences?.find((owner) => owner.controller);
    return (
      controller === undefined || (controller.kind === "DaemonSet" && controller.name === name)
    );
  });
}

/** Whether it still waits for room on its node: nothing of it runs, and no hook of it. */
export function isUnplaced({ spec }: V1Pod): boolean {
  return spec?.nodeName === undefined;
}

/** Disarms the preStop hooks of those that still have one, deletes all, and waits until they are gone. */
export async function deletePods(context: GateContext, pods: readonly V1Pod[]): Promise<void> {
  await onEachWorker(
    pods.map((pod) => ({ name: pod.spec?.nodeName ?? nameOf(pod).name, pod })),
    "kube2iam's pods do not go",
    async ({ pod }) => {
      if (!isUnplaced(pod)) await disarmPod(context.cluster, pod);
      await context.cluster.deletePod(nameOf(pod));
      await waitUntilGone(context, pod);
    },
  );
}

async function waitUntilGone(context: GateContext, pod: V1Pod): Promise<void> {
  const isGone = await context.until(
    async () => (await context.cluster.pod(nameOf(pod)))?.metadata?.uid !== pod.metadata?.uid,
  );
  if (isGone) return;
  throw errorAt(describePod(pod), "", {
    what: `still there ${context.target.timeoutSeconds} s after it was deleted`,
    fix: "see why its node does not stop it (a node that is not Ready keeps its pods)",
  });
}

/**
 * Deletes kube2iam's pod on a worker, its preStop hook disarmed, and waits until the next one is
 * ready there.
 *
 * @param old the pod to delete; undefined where there is none, and it only waits
 * @returns the next one
 */
export async function restartKube2iam(
  context: GateContext,
  daemonSet: V1DaemonSet,
  worker: Worker,
  old: V1Pod | undefined,
): Promise<V1Pod> {
  const { cluster } = context;
  if (old !== undefined) {
    await disarmPod(cluster, old);
    await cluster.deletePod(nameOf(old));
  }
  const look = await waitFor<V1Pod, undefined>(context.deadline(), async () => {
    const fresh = (await cluster.podsOf(daemonSet)).find(
      (pod) =>
        pod.spec?.nodeName === worker.name &&
        pod.metadata?.uid !== old?.metadata?.uid &&
        isReady(pod),
    );
    return fresh === undefined ? { pending: undefined } : { done: fresh };
  });
  if ("done" in look) return look.done;
  throw errorOn(worker, `kube2iam does not run on ${worker.name}`, {
    what: `no ready pod of kube2iam ${context.target.timeoutSeconds} s after its restart`,
    why: "kiam goes on supplying this worker; nothing was removed",
    fix: "see why kube2iam does not start there",
  });
}
