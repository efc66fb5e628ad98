import { z } from "zod";

/*
 * What a worker's node says about its cutover, in an annotation: the stack's state does not tell
 * the program what failed, and Kubernetes does not tell it who was moved.
 */

const common = {
  /** The way back was rehearsed on this worker, once; see plan.ts. */
  rehearsed: z.boolean().optional(),
};

const record = z.union([
  z.object({
    ...common,
    generation: z.string(),
    bootId: z.string(),
    /** uid of kube2iam's pod there; empty where it had none. */
    kube2iamPod: z.string(),
    /** False from the moment a cutover begins until it is proven. */
    proven: z.boolean().default(true),
    /** The worker never had kube2iam: it was born after its retirement, or kept free of it. */
    kiamOnly: z.boolean().optional(),
  }),
  z.object({
    ...common,
    /** When the cutover was undone, ISO time. */
    undone: z.string(),
  }),
  z.object({
    ...common,
    /** Since when the node is to go back to kube2iam, and could not be reached; ISO time. */
    returnOwed: z.string(),
  }),
]);

export type CutoverRecord = z.output<typeof record>;

/** The record in a node's annotation; undefined where there is none or none that can be read. */
export function parseCutoverRecord(annotation: string | undefined): CutoverRecord | undefined {
  if (annotation === undefined) return undefined;
  try {
    return record.parse(JSON.parse(annotation));
  } catch {
    return undefined;
  }
}

/** Whether a cutover was proven and not undone since. What came after it is not looked at. */
export function isProven(
  record: CutoverRecord | undefined,
): record is Extract<CutoverRecord, { generation: string }> {
  return record !== undefined && "generation" in record && record.proven;
}

/** Whether a cutover was begun and did not end well. */
export function hasFailed(record: CutoverRecord | undefined): boolean {
  return record !== undefined && !isProven(record);
}

/** Whether the node's record says so; see {@link isProven}. */
export function isCutOver({
  cutoverAnnotation,
}: {
  cutoverAnnotation: string | undefined;
}): boolean {
  return isProven(parseCutoverRecord(cutoverAnnotation));
}

/** Whether the node is to go back to kube2iam as soon as it can be reached. */
export function owesReturn(record: CutoverRecord | undefined): boolean {
  return record !== undefined && "returnOwed" in record;
}
