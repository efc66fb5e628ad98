import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { isReady, nameOf, type Cluster } from "../../cluster/kubernetes/cluster.js";
import { disarmPod } from "./disarm.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { GateError } from "../../migration/text/problem.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

/**
 * Deletes kube2iam's pod on a worker, its preStop hook disarmed, and waits until the next one is
 * ready there. `old` undefined: only waits.
 *
 * @returns the next one
 */
export async function restartKube2iam(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  { target, worker, old }: { target: Target; worker: Worker; old: V1Pod | undefined },
): Promise<V1Pod> {
  if (old !== undefined) {
    await disarmPod(cluster, old);
    await cluster.deletePod(nameOf(old));
  }
  const look = await waitFor<V1Pod, undefined>(Deadline.after(target.timeoutSeconds), async () => {
    const pods = await cluster.podsOf(daemonSet);
    const fresh = pods.find(
      (pod) =>
        pod.spec?.nodeName === worker.name &&
        pod.metadata?.uid !== old?.metadata?.uid &&
        isReady(pod),
    );
    return fresh === undefined ? { pending: undefined } : { done: fresh };
  });
  if ("done" in look) return look.done;
  throw new GateError(`kube2iam does not run on ${worker.name}`, [
    {
      where: `node ${worker.name}`,
      what: `no ready pod of kube2iam ${target.timeoutSeconds} s after its restart`,
      why: "kiam goes on supplying this worker; nothing was removed",
      fix: "see why kube2iam does not start there",
    },
  ]);
}
