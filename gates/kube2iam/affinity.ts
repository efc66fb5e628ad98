import type { V1Affinity, V1DaemonSet } from "@kubernetes/client-node";

import {
  ClusterError,
  type Cluster,
  type JsonPatch,
  type ObjectName,
} from "../../cluster/kubernetes/cluster.js";
import { GateError } from "../../migration/text/problem.js";
import { waitFor, type Deadline } from "../../cluster/wait.js";

/**
 * Changes the affinity in kube2iam's DaemonSet, and waits until the DaemonSet's controller knows.
 * No pod restarts: the update strategy becomes OnDelete in the same request, and stays it.
 *
 * @param change gives back the very same affinity where nothing is to be changed
 * @returns whether there was anything to change; false also where there is no such DaemonSet
 * @throws GateError where the API refuses, or the controller does not see it in time
 */
export async function changeAffinity(
  cluster: Cluster,
  name: ObjectName,
  change: (affinity: V1Affinity | undefined) => V1Affinity | undefined,
  deadline: Deadline,
): Promise<boolean> {
  const patched = await waitFor<boolean, ClusterError>(deadline, async () => {
    const daemonSet = await cluster.daemonSet(name);
    if (daemonSet === undefined) return { done: false };
    const before = daemonSet.spec?.template.spec?.affinity;
    const after = change(before);
    if (before === after) return { done: false };
    try {
      await cluster.patchDaemonSet(name, affinityPatch(daemonSet, after));
      return { done: true };
    } catch (error) {
      // Somebody was faster: what has to be changed is looked at anew.
      if (error instanceof ClusterError && error.code === 409) return { pending: error };
      throw error;
    }
  });
  if ("pending" in patched) throw patched.pending;
  if (patched.done) await waitUntilSeen(cluster, name, deadline);
  return patched.done;
}

/** Refused with 409 where the DaemonSet is not what was read. */
function affinityPatch({ metadata }: V1DaemonSet, affinity: V1Affinity | undefined): JsonPatch {
  const path = "/spec/template/spec/affinity";
  return [
    { op: "replace", path: "/metadata/resourceVersion", value: metadata?.resourceVersion },
    affinity === undefined ? { op: "remove", path } : { op: "add", path, value: affinity },
    { op: "add", path: "/spec/updateStrategy", value: { type: "OnDelete" } },
  ];
}

async function waitUntilSeen(cluster: Cluster, name: ObjectName, deadline: Deadline) {
  const look = await waitFor(deadline, async () => {
    const { metadata, status } = (await cluster.daemonSet(name)) ?? {};
    return (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0)
      ? { done: true }
      : { pending: undefined };
  });
  if ("done" in look) return;
  throw new GateError("kube2iam's DaemonSet was changed, and its controller has not seen it", [
    {
      where: `DaemonSet ${name.namespace}/${name.name}`,
      what: "status.observedGeneration stays behind",
      why: "until then kube2iam's pods go where they went before",
      fix: "see whether kube-controller-manager runs, then run again",
    },
  ]);
}
