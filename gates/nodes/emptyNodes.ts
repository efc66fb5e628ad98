import { ClusterError, type Cluster } from "../../cluster/kubernetes/cluster.js";
import { Deadline, waitFor } from "../../cluster/wait.js";
import { workerLabel } from "../../migration/facts/clusterFacts.js";
import { messageOf } from "../../migration/text/text.js";
import { progress } from "../protocol/progress.js";

/** Seconds in which a Node that others write to has to let itself be deleted. */
const deletionSeconds = 10;

/**
 * Deletes the Nodes that an update has brought back: applying a worker's label makes the Node where
 * the worker has left since the plan was made. DaemonSets would keep a pod for each. One that cannot
 * be deleted is said, and fails nothing.
 */
export async function deleteEmptyNodes(cluster: Cluster): Promise<void> {
  for (const name of await cluster.emptyNodes(workerLabel)) {
    try {
      await deleteOne(cluster, name);
      progress(`${name} has left; the empty Node that its label had brought back is deleted`);
    } catch (error) {
      progress(
        `${name} has left; the empty Node that its label had brought back cannot be deleted (${messageOf(error)}): kubectl delete node ${name}`,
      );
    }
  }
}

async function deleteOne(cluster: Cluster, name: string): Promise<void> {
  const look = await waitFor<void, ClusterError>(Deadline.after(deletionSeconds), async () => {
    try {
      return { done: await cluster.deleteEmptyNode(name) };
    } catch (error) {
      // Somebody wrote to it meanwhile: it is looked at anew.
      if (error instanceof ClusterError && error.code === 409) return { pending: error };
      throw error;
    }
  });
  if ("pending" in look) throw look.pending;
}
