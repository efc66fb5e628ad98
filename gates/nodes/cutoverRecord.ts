import {
  cutoverAnnotation,
  workerLabel,
  type NodeFacts,
} from "../../migration/facts/clusterFacts.js";
import {
  parseCutoverRecord,
  rehearsalOf,
  writeCutoverRecord,
  type CutoverRecord,
} from "../../migration/plan/cutoverRecord.js";
import { plainId } from "../../migration/text/digest.js";
import type { NodeRules } from "../../cluster/rules/nodeRules.js";
import type { GateContext } from "../protocol/context.js";

type LastRecord = ReturnType<typeof parseCutoverRecord>;

/** What a node's annotation says about its cutover; undefined where it says nothing. */
export async function readRecord(context: GateContext, worker: string): Promise<LastRecord> {
  return parseCutoverRecord((await context.node(worker))?.cutoverAnnotation);
}

/** Writes a record on its node, if that is still there. */
export async function writeRecord(
  { cluster }: GateContext,
  worker: string,
  record: CutoverRecord,
): Promise<void> {
  await cluster.markNode(worker, {
    annotations: { [cutoverAnnotation]: writeCutoverRecord(record) },
  });
}

/** Writes the record that follows from the one that is there; where none follows, that one stays. */
export async function changeRecord(
  context: GateContext,
  worker: string,
  next: (last: LastRecord) => CutoverRecord | undefined,
): Promise<void> {
  const record = next(await readRecord(context, worker));
  if (record !== undefined) await writeRecord(context, worker, record);
}

/** The record of a cutover that was begun, and may be proven. */
type Cutover = Extract<CutoverRecord, { generation: string }>;

/** Such a record; undefined where it says anything else, or nothing. */
export function cutoverIn(record: LastRecord): Cutover | undefined {
  return record !== undefined && "generation" in record ? record : undefined;
}

/**
 * What makes a worker's cutover necessary again once it is another. Taken before what is recorded
 * with it: a proof does not hold for a boot that came after it.
 */
export function asFound(
  rules: NodeRules,
  node: NodeFacts,
): Pick<Cutover, "bootId" | "kube2iamPod"> {
  return {
    // As Kubernetes reports it, since that is what the next plan will compare it with.
    bootId: node.bootId,
    kube2iamPod: plainId(rules.pod("kube2iam", node)?.metadata?.uid),
  };
}

/** Records how far the cutover of a node is that was read just now. */
export async function recordCutover(
  context: GateContext,
  { name, cutoverAnnotation: last }: NodeFacts,
  cutover: Omit<Cutover, "rehearsed">,
): Promise<void> {
  await writeRecord(context, name, { ...cutover, ...rehearsalOf(parseCutoverRecord(last)) });
}

/** @returns whether the node exists */
export async function removeRecord({ cluster }: GateContext, worker: string): Promise<boolean> {
  return cluster.markNode(worker, { annotations: { [cutoverAnnotation]: null } });
}

/** Takes everything off a node that says it was ever moved. */
export async function releaseWorker({ cluster }: GateContext, worker: string): Promise<void> {
  await cluster.markNode(worker, {
    annotations: { [cutoverAnnotation]: null },
    labels: { [workerLabel]: null },
  });
}
