import { Deadline } from "../../cluster/wait.js";
import { workerLabel } from "../../migration/facts/clusterFacts.js";
import { messageOf } from "../../migration/text/text.js";
import type { GateContext } from "../protocol/context.js";
import { progress } from "../protocol/progress.js";

/** Seconds in which a Node that others write to has to let itself be deleted. */
const deletionSeconds = 10;

/**
 * Deletes the Nodes that an update has brought back: applying a worker's label makes the Node where
 * the worker has left since the plan was made. DaemonSets would keep a pod for each. One that cannot
 * be deleted is said, and fails nothing.
 */
export async function deleteEmptyNodes(context: GateContext): Promise<void> {
  for (const name of await context.cluster.emptyNodes(workerLabel)) {
    try {
      const deadline = Deadline.after(deletionSeconds);
      await context.despiteConflicts(() => context.cluster.deleteEmptyNode(name), deadline);
      progress(`${name} has left; the empty Node that its label had brought back is deleted`);
    } catch (error) {
      progress(
        `${name} has left; the empty Node that its label had brought back cannot be deleted (${messageOf(error)}): kubectl delete node ${name}`,
      );
    }
  }
}
