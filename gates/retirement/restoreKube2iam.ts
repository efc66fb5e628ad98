import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { digest, plainId } from "../../migration/text/digest.js";
import { messageOf } from "../../migration/text/text.js";
import { nameOf } from "../../cluster/kubernetes/objects.js";
import { changeRecord, cutoverIn, readRecord } from "../nodes/cutoverRecord.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { removeNewRule, removeRule } from "../kube2iam/rule.js";
import { proveLive } from "../probe/live.js";
import { nodesWithout } from "../nodes/placement.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";
import { refuseWhereStopAsked } from "../protocol/stop.js";
import { waitForRollout } from "../nodes/rollout.js";
import { agentsIn, readStandings, unlessLost } from "../nodes/standings.js";
import { onEachWorker } from "../protocol/workers.js";
import { waitUntilDeleted } from "../nodes/awaitDeletion.js";

/**
 * Undoes the retirement, also where more of kube2iam was uninstalled meanwhile: what is missing is
 * created, and what is there is left as it is. Pods that a retirement worker by worker had not come
 * to yet are taken over. kube2iam's rule, which each new pod inserts behind kiam's when it starts, is
 * removed again. That is the state of stage cutover.
 *
 * People may go back because kiam supplies nothing, so a worker that is not proven stops nothing: it
 * is named, and the next update at stage cutover moves it anew.
 */
export const restoreKube2iam: Gate<"restore-kube2iam"> = async ({
  target,
  manifest,
  companions,
  probe,
}) => {
  refuseWhereStopAsked();
  const context = await GateContext.connect(target);
  const name = nameOf(manifest);
  // Where the retirement was interrupted just now.
  await waitUntilDeleted(context, name);
  const created: string[] = [];
  for (const object of [...companions, manifest]) {
    const named = `${object.kind} ${[object.metadata.namespace, object.metadata.name].filter(Boolean).join("/")}`;
    const wasMissing = await context.cluster.createIfMissing(object);
    if (wasMissing) created.push(named);
    progress(`${named} ${wasMissing ? "created as it was captured" : "is there already"}`);
  }
  const nodes = await context.nodes();
  const standings = await readStandings(context, { nodes, manifest, applications: false });
  const { workers, skipped } = agentsIn(standings);
  for (const node of skipped) progress(`${node} cannot be reached now; kiam goes on serving it`);
  const served = workers.map((worker) => worker.name);
  const without = nodesWithout(
    await context.cluster.daemonSet(name),
    nodes.filter((node) => served.includes(node.name)),
  );
  for (const [node, why] of without) {
    progress(`${node}: ${why}; kube2iam does not come to it, and kiam goes on serving it`);
  }
  const wanted = served.filter((worker) => !without.has(worker));
  const { daemonSet, pods } = await waitForRollout(context, name, wanted, { only: true });
  const unproven: string[] = [];
  const restored = await onEachWorker(
    workers,
    "kube2iam is back, and that kiam is not proven could not be noted",
    async (node) => {
      try {
        return await unlessLost(context, node, async () => {
          const worker = workerOf(node);
          const pod = pods.get(worker.name);
          if (pod !== undefined && (await isNew(context, daemonSet, pod, worker))) {
            await removeNewRule(context, daemonSet, worker);
          } else {
            await removeRule(context, worker);
          }
          await proveLive(context, { worker, probe, system: "kiam" });
          if (pod !== undefined) await recordNewPod(context, pod, worker);
          return [worker.name];
        });
      } catch (error) {
        progress(
          `${node.name}: kube2iam is back, and kiam is not proven there; an update at stage cutover moves it anew, one to an earlier stage brings it back to kube2iam. ${messageOf(error)}`,
        );
        await recordDoubt(context, node.name);
        unproven.push(node.name);
        return [];
      }
    },
  );
  return { created, workers: restored.flat(), unproven: unproven.sort(), skipped };
};

/**
 * Whether a pod can still be about to insert its rule: not one that was taken over, and not one
 * whose rule an earlier run removed already.
 */
async function isNew(
  context: GateContext,
  daemonSet: V1DaemonSet,
  pod: V1Pod,
  worker: Worker,
): Promise<boolean> {
  if (createdAt(pod) < createdAt(daemonSet)) return false;
  const cutover = cutoverIn(await readRecord(context, worker.name));
  return cutover?.kube2iamPod !== plainId(pod.metadata?.uid);
}

function createdAt(object: V1DaemonSet | V1Pod): number {
  return new Date(object.metadata?.creationTimestamp ?? 0).getTime();
}

/** Its cutover counts as begun and not proven, under another generation: so it runs again. */
async function recordDoubt(context: GateContext, worker: string): Promise<void> {
  await changeRecord(context, worker, (last) => {
    const cutover = cutoverIn(last);
    if (cutover === undefined) return undefined;
    const generation = digest([cutover.generation, "not proven when kube2iam came back"]);
    return { ...cutover, generation, proven: false };
  });
}

/** The pod is another than the one the cutover was recorded with; the cutover is the same. */
async function recordNewPod(context: GateContext, pod: V1Pod, worker: Worker): Promise<void> {
  await changeRecord(context, worker.name, (last) => {
    const cutover = cutoverIn(last);
    return cutover && { ...cutover, kube2iamPod: plainId(pod.metadata?.uid) };
  });
}
