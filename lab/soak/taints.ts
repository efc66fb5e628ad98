/*
 * Takes the startup taint off where this program's own Deployment does not: before stage agent,
 * as soon as kube2iam is ready there.
 */
import { setTimeout as sleep } from "node:timers/promises";

import { agentNotReadyTaint } from "../../migration/facts/clusterFacts.js";
import { kiamNames } from "../../migration/kiam/names.js";
import { messageOf } from "../../migration/text/text.js";
import { agents, kube2iam } from "../disturb.js";
import { isTainted } from "./look.js";
import type { Scene } from "./scene.js";

/** Goes on until it is told to stop; what fails is said and tried again. */
export async function watchTaints(
  scene: Scene,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(2000);
    await untaint(scene).catch((error: unknown) => note(`startup taint: ${messageOf(error)}`));
  }
}

async function untaint(scene: Scene): Promise<void> {
  if (await scene.hasDaemonSet(agents.namespace, kiamNames.agent)) return;
  const tainted = (await scene.core.listNode()).items.filter(isTainted);
  if (tainted.length === 0) return;
  const { namespace, selector: labelSelector } = kube2iam;
  const { items: pods } = await scene.core.listNamespacedPod({ namespace, labelSelector });
  for (const { metadata } of tainted) {
    const name = metadata?.name ?? "";
    const served = pods.some(
      ({ spec, status }) =>
        spec?.nodeName === name &&
        status?.conditions?.some((each) => each.type === "Ready" && each.status === "True"),
    );
    if (!served) continue;
    await (await scene.cluster()).kubectl(["taint", "node", name, `${agentNotReadyTaint.key}-`]);
  }
}
