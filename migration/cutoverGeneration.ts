import { createHash } from "node:crypto";

import { z } from "zod";

import type { NodeFacts } from "./clusterFacts.js";

/*
 * When has a worker to be cut over again? After a reboot and after a restart of its kube2iam
 * pod, since both bring kube2iam's rule back, and after an undone cutover. The generation is an
 * input of the worker's removal command: a new one runs it again in place, an equal one never
 * touches a healthy worker.
 *
 * A proven cutover leaves a record on its node. As long as the record still describes the node,
 * its generation stands, whatever else changed: kube2iam's retirement, for one, takes the pod
 * away whose uid the first generation was made of.
 */

const record = z.union([
  z.object({ generation: z.string(), bootId: z.string(), kube2iamPod: z.string() }),
  z.object({ undone: z.string() }),
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

/**
 * @param kube2iamPod uid of the kube2iam pod on that node; undefined where there is none
 */
export function cutoverGeneration(
  node: Pick<NodeFacts, "bootId" | "cutoverAnnotation">,
  kube2iamPod: string | undefined,
): string {
  const last = parseCutoverRecord(node.cutoverAnnotation);
  if (
    last !== undefined &&
    "generation" in last &&
    last.bootId === node.bootId &&
    (kube2iamPod === undefined || kube2iamPod === last.kube2iamPod)
  ) {
    return last.generation;
  }
  const undone = last !== undefined && "undone" in last ? last.undone : "";
  return createHash("sha256")
    .update([node.bootId, kube2iamPod ?? "", undone].join("\n"))
    .digest("hex")
    .slice(0, 12);
}
