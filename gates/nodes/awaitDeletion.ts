import type { ObjectName } from "../../cluster/kubernetes/objects.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { waitFor } from "../../cluster/wait.js";
import { errorAt } from "../protocol/progress.js";

/**
 * Waits while a DaemonSet is on its way out: one that is applied again meanwhile would go with it.
 * A DaemonSet that is absent, or there to stay, is fine.
 */
export const awaitDeletion: Gate<"await-deletion"> = async ({ target, daemonSet }) => {
  await waitUntilDeleted(await GateContext.connect(target), daemonSet);
  return {};
};

/**
 * The same for gates that wait as a part of what they do.
 *
 * @param enough asked at each look that finds it on its way out or gone: whether the rest need not be waited for
 */
export async function waitUntilDeleted(
  context: GateContext,
  name: ObjectName,
  enough: () => Promise<boolean> = () => Promise.resolve(false),
): Promise<void> {
  const look = await waitFor<true, string[]>(context.deadline(), async () => {
    const live = await context.cluster.daemonSet(name);
    if (live !== undefined && live.metadata?.deletionTimestamp === undefined) return { done: true };
    if ((await enough()) || live === undefined) return { done: true };
    return { pending: live.metadata?.finalizers ?? [] };
  });
  if ("done" in look) return;
  const where = `DaemonSet ${name.namespace}/${name.name}`;
  throw errorAt(where, `${where} does not go`, {
    what: `it is being deleted, and still there after ${context.target.timeoutSeconds} s (finalizers: ${look.pending.join(", ") || "none"})`,
    why: "one of the same name can be made only once it is gone",
    fix: "see why its pods do not end (a node that is not Ready keeps its pods), then run again",
  });
}
