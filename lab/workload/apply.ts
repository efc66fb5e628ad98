/** Server-side apply and waiting for DaemonSets, for what the lab puts into its cluster. */
import {
  AppsV1Api,
  KubernetesObjectApi,
  PatchStrategy,
  type KubeConfig,
  type KubernetesObject,
  type V1DaemonSet,
} from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";

/** Applies objects in the given order: namespaces before what lives in them. */
export async function applyObjects(kube: KubeConfig, objects: KubernetesObject[]): Promise<void> {
  const api = KubernetesObjectApi.makeApiClient(kube);
  for (const object of objects) {
    try {
      await api.patch(object, undefined, undefined, "lab", true, PatchStrategy.ServerSideApply);
    } catch (cause) {
      const { namespace, name } = object.metadata ?? {};
      throw new Error(`applying ${object.kind} ${namespace ? `${namespace}/` : ""}${name}`, {
        cause,
      });
    }
  }
}

/** Whether every pod of the DaemonSet's present form is ready, on at least `least` nodes. */
export function rolledOut(set: V1DaemonSet, least: number): boolean {
  const { status, metadata } = set;
  return (
    status?.observedGeneration === metadata?.generation &&
    status !== undefined &&
    status.desiredNumberScheduled >= least &&
    status.updatedNumberScheduled === status.desiredNumberScheduled &&
    status.numberReady === status.desiredNumberScheduled
  );
}

export interface DaemonSetName {
  namespace: string;
  name: string;
}

/**
 * Waits until the DaemonSets are rolled out on at least `least` nodes each.
 *
 * @param timeout milliseconds; the error then says how far each set is
 */
export async function waitForDaemonSets(
  kube: KubeConfig,
  names: readonly DaemonSetName[],
  least: number,
  timeout: number,
): Promise<void> {
  const api = kube.makeApiClient(AppsV1Api);
  let missing: string[] = [];
  const ready = async () => {
    const sets = await Promise.all(names.map((name) => api.readNamespacedDaemonSet(name)));
    missing = sets
      .filter((set) => !rolledOut(set, least))
      .map(
        ({ metadata, status }) =>
          `${metadata?.namespace}/${metadata?.name} ${status?.numberReady ?? 0} of ${Math.max(least, status?.desiredNumberScheduled ?? 0)} ready`,
      );
    return missing.length === 0;
  };
  try {
    await pWaitFor(ready, { interval: 500, timeout });
  } catch (cause) {
    const seconds = Math.round(timeout / 1000);
    throw new Error(`not rolled out after ${seconds} s: ${missing.join(", ") || "no answer"}`, {
      cause,
    });
  }
}
