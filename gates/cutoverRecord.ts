import { parseCutoverRecord, type CutoverRecord } from "../migration/cutoverGeneration.js";
import { cutoverAnnotation, workerLabel } from "../migration/clusterFacts.js";
import type { Cluster } from "./cluster.js";

/** What a node's annotation says about its cutover; undefined where it says nothing. */
export async function readRecord(
  cluster: Cluster,
  worker: string,
): Promise<CutoverRecord | undefined> {
  const node = await cluster.node(worker);
  return parseCutoverRecord(node?.metadata?.annotations?.[cutoverAnnotation]);
}

/** @returns whether the node exists */
export async function writeRecord(
  cluster: Cluster,
  worker: string,
  record: CutoverRecord,
): Promise<boolean> {
  return cluster.markNode(worker, { annotations: { [cutoverAnnotation]: JSON.stringify(record) } });
}

/** @returns whether the node exists */
export async function removeRecord(cluster: Cluster, worker: string): Promise<boolean> {
  return cluster.markNode(worker, { annotations: { [cutoverAnnotation]: null } });
}

/**
 * Takes everything off a node that says it was ever moved.
 *
 * @returns whether the node exists
 */
export async function releaseWorker(cluster: Cluster, worker: string): Promise<boolean> {
  return cluster.markNode(worker, {
    annotations: { [cutoverAnnotation]: null },
    labels: { [workerLabel]: null },
  });
}
