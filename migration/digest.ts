import { createHash } from "node:crypto";

/** A short word for these texts in this order, safe in a shell and in any name. */
export function digest(parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 12);
}
