import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { digest, plainId } from "../../migration/text/digest.js";
import { messageOf } from "../../migration/text/text.js";
import { Cluster, nameOf } from "../../cluster/kubernetes/cluster.js";
import { readRecord, writeRecord } from "../nodes/cutoverRecord.js";
import type { Gate } from "../protocol/inputs.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { removeNewRule, removeRule } from "../kube2iam/rule.js";
import { proveLive } from "../probe/live.js";
import { nodesWithout } from "../nodes/placement.js";
import { progress } from "../protocol/progress.js";
import { waitForRollout } from "../nodes/rollout.js";
import { agentsIn, readStandings, unlessLost } from "../nodes/standings.js";
import { Deadline } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";
import { awaitDeletion } from "../nodes/awaitDeletion.js";

/**
 * Undoes the retirement, also where somebody uninstalled more of kube2iam meanwhile: what is
 * missing of it is created, and what is there is left as it is. Pods that a retirement worker by
 * worker had not come to yet are taken over. kube2iam's rule, which each new pod inserts behind
 * kiam's when it starts, is removed again. That is the state of stage cutover.
 *
 * That kiam supplies nothing may be why one goes back, and no worker goes back before this ends: one
 * that is not proven is named, and moved anew by the next update at stage cutover.
 */
export const restoreKube2iam: Gate<"restore-kube2iam"> = async ({
  target,
  manifest,
  companions,
  probe,
}) => {
  const cluster = await Cluster.connect(target.kubernetes);
  const name = nameOf(manifest);
  // Where the retirement was interrupted just now.
  await awaitDeletion({ target, daemonSet: name });
  const created: string[] = [];
  for (const object of [...companions, manifest]) {
    const named = `${object.kind} ${[object.metadata.namespace, object.metadata.name].filter(Boolean).join("/")}`;
    const wasMissing = await cluster.createIfMissing(object);
    if (wasMissing) created.push(named);
    progress(`${named} ${wasMissing ? "created as it was captured" : "is there already"}`);
  }
  const standings = await readStandings(cluster, target, {
    manifest: manifest,
    applications: false,
  });
  const { workers, skipped } = agentsIn(standings);
  for (const node of skipped) progress(`${node} cannot be reached now; kiam goes on serving it`);
  const served = workers.map((worker) => worker.name);
  const without = await nodesWithout(cluster, name, served);
  for (const [node, why] of without) {
    progress(`${node}: ${why}; kube2iam does not come to it, and kiam goes on serving it`);
  }
  const { daemonSet, pods } = await waitForRollout(
    cluster,
    name,
    Deadline.after(target.timeoutSeconds),
    served.filter((worker) => !without.has(worker)),
    { only: true },
  );
  const unproven: string[] = [];
  const restored = await onEachWorker(
    workers,
    "kube2iam is back, and that kiam is not proven could not be noted",
    async (node) => {
      try {
        return await unlessLost(cluster, node, async () => {
          const worker = workerOf(node);
          const pod = pods.get(worker.name);
          if (pod !== undefined && (await isNew(cluster, daemonSet, pod, worker))) {
            await removeNewRule(cluster, daemonSet, target, worker);
          } else {
            await removeRule(cluster, target, worker);
          }
          await proveLive(cluster, { target, worker, probe, system: "kiam" });
          if (pod !== undefined) await recordNewPod(cluster, pod, worker);
          return [worker.name];
        });
      } catch (error) {
        progress(
          `${node.name}: kube2iam is back, and kiam is not proven there; an update at stage cutover moves it anew, one to an earlier stage brings it back to kube2iam. ${messageOf(error)}`,
        );
        await recordDoubt(cluster, node.name);
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
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  pod: V1Pod,
  worker: Worker,
): Promise<boolean> {
  if (createdAt(pod) < createdAt(daemonSet)) return false;
  const record = await readRecord(cluster, worker.name);
  return !(
    record !== undefined &&
    "generation" in record &&
    record.kube2iamPod === plainId(pod.metadata?.uid)
  );
}

function createdAt(object: V1DaemonSet | V1Pod): number {
  return new Date(object.metadata?.creationTimestamp ?? 0).getTime();
}

/** Its cutover counts as begun and not proven, under another generation: so it runs again. */
async function recordDoubt(cluster: Cluster, worker: string): Promise<void> {
  const record = await readRecord(cluster, worker);
  if (record === undefined || !("generation" in record)) return;
  const generation = digest([record.generation, "not proven when kube2iam came back"]);
  await writeRecord(cluster, worker, { ...record, generation, proven: false });
}

/** The pod is another than the one the cutover was recorded with; the cutover is the same. */
async function recordNewPod(cluster: Cluster, pod: V1Pod, worker: Worker): Promise<void> {
  const record = await readRecord(cluster, worker.name);
  const uid = pod.metadata?.uid;
  if (record === undefined || !("generation" in record) || uid === undefined) return;
  await writeRecord(cluster, worker.name, { ...record, kube2iamPod: plainId(uid) });
}
