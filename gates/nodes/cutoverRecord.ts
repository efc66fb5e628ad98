import { cutoverAnnotation, workerLabel } from "../../migration/facts/clusterFacts.js";
import {
  parseCutoverRecord,
  rehearsalOf,
  writeCutoverRecord,
  type CutoverRecord,
  type UnreadableRecord,
} from "../../migration/plan/cutoverRecord.js";
import { plainId } from "../../migration/text/digest.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { NodeRules } from "../../cluster/rules/nodeRules.js";

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

type Cutover = Extract<CutoverRecord, { generation: string }>;

/**
 * What makes a worker's cutover necessary again once it is another. Taken before what is recorded
 * with it: a proof does not hold for a boot that came after it.
 */
export async function asFound(
  cluster: Cluster,
  target: Target,
  worker: Pick<Worker, "name">,
): Promise<Pick<Cutover, "bootId" | "kube2iamPod">> {
  const [rules, node] = await Promise.all([
    NodeRules.read(cluster, target),
    cluster.node(worker.name),
  ]);
  return {
    // As Kubernetes reports it, since that is what the next plan will compare it with.
    bootId: plainId(node?.status?.nodeInfo?.bootID),
    kube2iamPod: plainId(rules.pod("kube2iam", worker)?.metadata?.uid),
  };
}

/** Records how far a worker's cutover is. */
export async function recordCutover(
  cluster: Cluster,
  worker: Pick<Worker, "name">,
  cutover: Omit<Cutover, "rehearsed">,
): Promise<void> {
  const last = await readRecord(cluster, worker.name);
  await writeRecord(cluster, worker.name, { ...cutover, ...rehearsalOf(last) });
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
