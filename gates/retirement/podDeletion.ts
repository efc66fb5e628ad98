import type { V1DaemonSet, V1DaemonSetSpec, V1Pod } from "@kubernetes/client-node";

import {
  describePod,
  nameOf,
  selectorText,
  type Cluster,
} from "../../cluster/kubernetes/cluster.js";
import { disarmPod } from "../kube2iam/disarm.js";
import { GateError } from "../../migration/text/problem.js";
import { Deadline, waitFor } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";

/**
 * kube2iam's pods, those included that outlived their DaemonSet: they have its labels, and no
 * controller or one of its name. Pods of a node that has left the cluster do not count: they no
 * longer run, and Kubernetes takes its time to remove them.
 */
export async function listKube2iamPods(
  cluster: Cluster,
  manifest: Pick<V1DaemonSet, "metadata"> & { spec?: Pick<V1DaemonSetSpec, "selector"> },
): Promise<V1Pod[]> {
  const { namespace, name } = nameOf(manifest);
  const selector = selectorText(manifest.spec?.selector);
  if (selector === "") throw new Error(`DaemonSet ${namespace}/${name} has an empty selector`);
  const [pods, nodes] = await Promise.all([cluster.pods(namespace, selector), cluster.nodes()]);
  const present = new Set(nodes.map((node) => node.metadata?.name));
  return pods.filter((pod) => {
    if (pod.spec?.nodeName !== undefined && !present.has(pod.spec.nodeName)) return false;
    const controller = pod.metadata?.ownerReferences?.find((owner) => owner.controller);
    return (
      controller === undefined || (controller.kind === "DaemonSet" && controller.name === name)
    );
  });
}

/** Whether it still waits for room on its node: nothing of it runs, no hook of its either. */
export function isUnplaced({ spec }: V1Pod): boolean {
  return spec?.nodeName === undefined;
}

/** Disarms the preStop hooks of those that still have one, deletes all, and waits until they are gone. */
export async function deletePods(
  cluster: Cluster,
  pods: readonly V1Pod[],
  timeoutSeconds: number,
): Promise<void> {
  await onEachWorker(
    pods.map((pod) => ({ name: pod.spec?.nodeName ?? nameOf(pod).name, pod })),
    "kube2iam's pods do not go",
    async ({ pod }) => {
      if (!isUnplaced(pod)) await disarmPod(cluster, pod);
      await cluster.deletePod(nameOf(pod));
      await waitUntilGone(cluster, pod, timeoutSeconds);
    },
  );
}

async function waitUntilGone(cluster: Cluster, pod: V1Pod, timeoutSeconds: number): Promise<void> {
  const look = await waitFor<true, undefined>(Deadline.after(timeoutSeconds), async () => {
    const now = await cluster.pod(nameOf(pod));
    return now?.metadata?.uid === pod.metadata?.uid ? { pending: undefined } : { done: true };
  });
  if ("done" in look) return;
  throw new GateError("", [
    {
      where: describePod(pod),
      what: `still there ${timeoutSeconds} s after it was deleted`,
      fix: "see why its node does not stop it (a node that is not ready keeps its pods)",
    },
  ]);
}
