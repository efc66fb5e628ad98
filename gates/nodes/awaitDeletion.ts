import { Cluster, type ObjectName } from "../../cluster/kubernetes/cluster.js";
import type { Gate } from "../protocol/inputs.js";
import type { Target } from "../../migration/situation/target.js";
import { GateError } from "../../migration/text/problem.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

/**
 * Waits while a DaemonSet is on its way out: whoever applied it again meanwhile would lose it.
 * One that is absent, or there to stay, is fine.
 */
export const awaitDeletion: Gate<"await-deletion"> = async ({ target, daemonSet }) => {
  await waitUntilDeleted(await Cluster.connect(target.kubernetes), target, daemonSet);
  return {};
};

/**
 * The same for gates that wait as a part of what they do.
 *
 * @param enough asked at each look that finds it on its way out or gone: whether the rest need not be waited for
 */
export async function waitUntilDeleted(
  cluster: Cluster,
  { timeoutSeconds }: Target,
  name: ObjectName,
  enough: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<void> {
  const look = await waitFor<true, string[]>(Deadline.after(timeoutSeconds), async () => {
    const live = await cluster.daemonSet(name);
    if (live !== undefined && live.metadata?.deletionTimestamp === undefined) return { done: true };
    if ((await enough()) || live === undefined) return { done: true };
    return { pending: live.metadata?.finalizers ?? [] };
  });
  if ("done" in look) return;
  throw new GateError(`DaemonSet ${name.namespace}/${name.name} does not go`, [
    {
      where: `DaemonSet ${name.namespace}/${name.name}`,
      what: `it is being deleted, and still there after ${timeoutSeconds} s (finalizers: ${look.pending.join(", ") || "none"})`,
      why: "one of the same name can be made only once it is gone",
      fix: "see why its pods do not end (a node that is not Ready keeps its pods), then run again",
    },
  ]);
}
