import { createHash } from "node:crypto";

import { z } from "zod";

/** A short word for these texts in this order, safe in a shell and in any name. */
export function digest(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 12);
}

/** What {@link digest} makes, and nothing else. */
export const digestSchema = z
  .string()
  .regex(/^[0-9a-f]{12}$/, "must be 12 hexadecimal digits, as this program writes them");

/** A uid or boot id as Kubernetes and the kernel make them, or what {@link plainId} made of another. */
export const plainIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9-]{0,64}$/, "must be letters, digits and '-', at most 64");

/**
 * An id that a node or a pod reports of itself: as it is where it is plain, else its digest, so
 * that another id is still another one.
 */
export function plainId(reported: string | undefined): string {
  const id = reported ?? "";
  return plainIdSchema.safeParse(id).success ? id : digest([id]);
}
