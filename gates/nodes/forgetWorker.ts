import { Cluster } from "../../cluster/kubernetes/cluster.js";
import { removeRecord } from "./cutoverRecord.js";
import type { Gate } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";

/** Removes the record of a worker's cutover. A node that has left the cluster has none. */
export const forgetWorker: Gate<"forget-worker"> = async ({ target, worker }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  const forgotten = await removeRecord(cluster, worker.name);
  if (!forgotten) progress(`${worker.name} is no longer in the cluster; nothing to forget`);
  return { worker: worker.name, forgotten };
};
