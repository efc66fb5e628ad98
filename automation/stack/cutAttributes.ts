import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import type { FileBackend } from "./fileBackend.js";
import { ifThere } from "./ifThere.js";

/** Milliseconds after which a file that is being written is whole. */
const writingTakes = 1000;

/**
 * The file with the attributes of a stack's state, where an engine that was killed has left it
 * without its content. The state itself is replaced as a whole, but beside it a `file://` backend
 * creates this file first and fills it then (setAttrs in gocloud.dev/blob/fileblob). As long as it
 * is there and empty, nobody can read the state ("failed to load checkpoint: EOF"); without it,
 * everybody can: nothing in it is needed.
 *
 * @returns undefined where there is none
 */
export async function cutAttributes({ state }: FileBackend): Promise<string | undefined> {
  // As the state itself may be compressed.
  const files = ["", ".gz", ".zst"].map((ending) => `${state}${ending}.attrs`);
  for (const file of files) {
    if (!(await isCut(file))) continue;
    await sleep(writingTakes);
    if (await isCut(file)) return file;
  }
  return undefined;
}

async function isCut(file: string): Promise<boolean> {
  const text = await ifThere(readFile(file, "utf8"));
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}
