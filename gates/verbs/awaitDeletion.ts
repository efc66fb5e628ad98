import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { GateError } from "../problem.js";
import { Deadline, waitFor } from "../wait.js";

/**
 * Waits while a DaemonSet is on its way out: whoever applied it again meanwhile would lose it.
 * One that is absent, or there to stay, is fine.
 */
export async function awaitDeletion({
  target,
  daemonSet: name,
}: CheckedInput<"await-deletion">): Promise<GateOutput<"await-deletion">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const look = await waitFor<true, string[]>(Deadline.after(target.timeoutSeconds), async () => {
    const live = await cluster.daemonSet(name);
    if (live?.metadata?.deletionTimestamp === undefined) return { done: true };
    return { pending: live.metadata.finalizers ?? [] };
  });
  if ("done" in look) return {};
  throw new GateError(`DaemonSet ${name.namespace}/${name.name} does not go`, [
    {
      where: `DaemonSet ${name.namespace}/${name.name}`,
      what: `it is being deleted, and still there after ${target.timeoutSeconds} s (finalizers: ${look.pending.join(", ") || "none"})`,
      why: "one of the same name can be made only once it is gone",
      fix: "see why its pods do not end (a node that is not Ready keeps its pods), then run again",
    },
  ]);
}
