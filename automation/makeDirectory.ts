import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a directory, and those above it that are missing, one after the other. Node's recursive mkdir
 * never ends where a file system says of what lies below an existing directory that it is not there,
 * as /proc does.
 */
export async function makeDirectory(path: string, mode?: number): Promise<void> {
  const missing: string[] = [];
  for (let each = resolve(path); !existsSync(each); each = dirname(each)) missing.unshift(each);
  for (const each of missing) {
    await mkdir(each, { mode }).catch((error: NodeJS.ErrnoException) => {
      // Another process has made it meanwhile.
      if (error.code !== "EEXIST") throw error;
    });
  }
}
