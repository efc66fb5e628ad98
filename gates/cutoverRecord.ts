import { cutoverAnnotation, workerLabel } from "../migration/clusterFacts.js";
import {
  parseCutoverRecord,
  rehearsalOf,
  writeCutoverRecord,
  type CutoverRecord,
  type UnreadableRecord,
} from "../migration/cutoverRecord.js";
import { plainId } from "../migration/digest.js";
import type { Cluster } from "./cluster.js";
import type { Target, Worker } from "./inputs.js";
import { NodeRules } from "./nodeRules.js";

/** What a node's annotation says about its cutover; undefined where it says nothing. */
export async function readRecord(
  cluster: Cluster,
  worker: string,
): Promise<CutoverRecord | UnreadableRecord | undefined> {
  const node = await cluster.node(worker);
  return parseCutoverRecord(node?.metadata?.annotations?.[cutoverAnnotation]);
}

/** @returns whether the node exists */
export async function writeRecord(
  cluster: Cluster,
  worker: string,
  record: CutoverRecord,
): Promise<boolean> {
  return cluster.markNode(worker, {
    annotations: { [cutoverAnnotation]: writeCutoverRecord(record) },
  });
}

/** Records how far a worker's cutover is, with what would make it necessary again. */
export async function recordCutover(
  cluster: Cluster,
  target: Target,
  worker: Pick<Worker, "name">,
  cutover: { generation: string; proven: boolean; kiamOnly?: boolean },
): Promise<void> {
  const [rules, node] = await Promise.all([
    NodeRules.read(cluster, target),
    cluster.node(worker.name),
  ]);
  const last = parseCutoverRecord(node?.metadata?.annotations?.[cutoverAnnotation]);
  await writeRecord(cluster, worker.name, {
    ...cutover,
    // As Kubernetes reports it, since that is what the next plan will compare it with.
    bootId: plainId(node?.status?.nodeInfo?.bootID),
    kube2iamPod: plainId(rules.pod("kube2iam", worker)?.metadata?.uid),
    ...rehearsalOf(last),
  });
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
