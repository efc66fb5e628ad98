import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { stopFileVariable } from "../../migration/move/orderlyStop.js";

/** Runs gates of this process in an update that can be asked to stop. */
export async function inStoppableUpdate(
  work: (askToStop: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), "kiam-stop-test-"));
  const file = path.join(directory, "stop");
  process.env[stopFileVariable] = file;
  try {
    await work(() => writeFile(file, ""));
  } finally {
    delete process.env[stopFileVariable];
    await rm(directory, { recursive: true });
  }
}
