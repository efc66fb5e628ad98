import { z } from "zod";

import type { NodeFacts } from "../facts/clusterFacts.js";
import { digestSchema, plainIdSchema } from "../text/digest.js";

/*
 * What a worker's node says about its cutover, in an annotation: the stack's state does not tell
 * the program what failed, and Kubernetes does not tell it who was moved.
 */

const common = {
  /** The way back was rehearsed on this worker, once: over SSH, or by exec; see plan.ts. */
  rehearsed: z.union([z.boolean(), z.literal("exec")]).optional(),
};

const record = z.union([
  z.object({
    ...common,
    generation: digestSchema,
    bootId: plainIdSchema,
    /** uid of kube2iam's pod there; empty where it had none. */
    kube2iamPod: plainIdSchema,
    /** False from the moment a cutover begins until it is proven. */
    proven: z.boolean().default(true),
    /** The worker never had kube2iam: it was born after its retirement, or kept free of it. */
    kiamOnly: z.boolean().optional(),
  }),
  z.object({
    ...common,
    /** When the cutover was undone, ISO time. */
    undone: z.iso.datetime(),
  }),
  z.object({
    ...common,
    /** Since when the node is to go back to kube2iam, and could not be reached; ISO time. */
    returnOwed: z.iso.datetime(),
  }),
]);

/** A record as this program writes it. */
export type CutoverRecord = z.output<typeof record>;

/**
 * An annotation that this program did not write so. It is not taken for none: the worker may have
 * been moved, and one without a record counts as never moved, or as born without kube2iam.
 */
export interface UnreadableRecord {
  /** What is wrong with it. */
  unreadable: string;
  rehearsed?: undefined;
}

/** The record in a node's annotation; undefined where there is none. */
export function parseCutoverRecord(
  annotation: string | undefined,
): CutoverRecord | UnreadableRecord | undefined {
  if (annotation === undefined) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(annotation);
  } catch {
    return { unreadable: "it is not JSON" };
  }
  const checked = record.safeParse(document);
  return checked.success
    ? checked.data
    : { unreadable: "it is not of the form that this program writes" };
}

/** The annotation for a record. Throws where {@link parseCutoverRecord} would not read it again. */
export function writeCutoverRecord(of: CutoverRecord): string {
  return JSON.stringify(record.parse(of));
}

/** Whether a cutover was proven and not undone since. What came after it is not looked at. */
export function isProven(
  record: CutoverRecord | UnreadableRecord | undefined,
): record is Extract<CutoverRecord, { generation: string }> {
  return record !== undefined && "generation" in record && record.proven;
}

/** Whether a cutover was begun and did not end well, or cannot be told to have ended well. */
export function hasFailed(record: CutoverRecord | UnreadableRecord | undefined): boolean {
  return record !== undefined && !isProven(record);
}

/** Whether pods may already depend on kiam there: it is proven, or its record cannot be read. */
export function mayBeCutOver(node: Pick<NodeFacts, "cutoverAnnotation">): boolean {
  const found = parseCutoverRecord(node.cutoverAnnotation);
  return isProven(found) || (found !== undefined && "unreadable" in found);
}

/** Whether the node's record says so; see {@link isProven}. */
export function isCutOver(node: Pick<NodeFacts, "cutoverAnnotation">): boolean {
  return isProven(parseCutoverRecord(node.cutoverAnnotation));
}

/**
 * Whether kiam may serve a node although nothing in the stack's state brings it back: its return is
 * owed, or its cutover was begun and never proven.
 */
export function isStuckOnKiam(record: CutoverRecord | UnreadableRecord | undefined): boolean {
  return (
    record !== undefined && ("returnOwed" in record || ("generation" in record && !record.proven))
  );
}

/** What every later record of a worker keeps: that it was rehearsed on, and how. */
export function rehearsalOf(
  record: CutoverRecord | UnreadableRecord | undefined,
): Pick<CutoverRecord, "rehearsed"> {
  return record?.rehearsed === undefined ? {} : { rehearsed: record.rehearsed };
}
