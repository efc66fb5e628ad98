import type { V1Affinity, V1DaemonSet } from "@kubernetes/client-node";

import type { JsonPatch } from "../../cluster/kubernetes/cluster.js";
import type { GateContext } from "../protocol/context.js";
import { errorAt } from "../protocol/progress.js";

/**
 * Changes the affinity in kube2iam's DaemonSet, and waits until the DaemonSet's controller knows.
 * No pod restarts: the update strategy becomes OnDelete in the same request, and stays so.
 *
 * @param change gives back the very same affinity where nothing is to be changed
 * @returns whether there was anything to change; false also where there is no such DaemonSet
 * @throws GateError where the API refuses, or the controller does not see it in time
 */
export async function changeAffinity(
  context: GateContext,
  change: (affinity: V1Affinity | undefined) => V1Affinity | undefined,
): Promise<boolean> {
  const changed = await context.despiteConflicts(async () => {
    const daemonSet = await context.kube2iam();
    if (daemonSet === undefined) return false;
    const before = daemonSet.spec?.template.spec?.affinity;
    const after = change(before);
    if (before === after) return false;
    await context.cluster.patchDaemonSet(context.kube2iamName, affinityPatch(daemonSet, after));
    return true;
  });
  if (changed) await waitUntilSeen(context);
  return changed;
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

async function waitUntilSeen(context: GateContext): Promise<void> {
  const isSeen = await context.until(async () => {
    const { metadata, status } = (await context.kube2iam()) ?? {};
    return (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
  });
  if (isSeen) return;
  const finding = "kube2iam's DaemonSet was changed, and its controller has not seen it";
  throw errorAt(context.kube2iamText, finding, {
    what: "its status.observedGeneration is behind its metadata.generation",
    why: "until then kube2iam's pods go where they went before",
    fix: "see whether kube-controller-manager runs, then run again",
  });
}
