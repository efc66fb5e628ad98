/** Random suffixes of names and ids that the user leaves to the provider. */
import { createHmac, randomBytes } from "node:crypto";

/** `length` hexadecimal digits that no one can guess. */
export function randomHex(length: number): string {
  return randomBytes(Math.ceil(length / 2))
    .toString("hex")
    .slice(0, length);
}

/**
 * `length` hexadecimal digits that follow from the engine's seed, so that a preview and the update
 * after it arrive at the same name. Without a seed they are random.
 */
export function seededHex(seed: Uint8Array, length: number): string {
  if (seed.length === 0) {
    return randomHex(length);
  }
  return createHmac("sha256", seed).update("autoname").digest("hex").slice(0, length);
}
