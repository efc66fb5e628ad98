import { readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

import { planId, sayingsSchema, type Saying } from "../../migration/move/plannedMove.js";
import { makeDirectory } from "../makeDirectory.js";

/*
 * What plans said, by their ids, so that a plan which is no longer the one that was approved can be
 * compared with it. In the user's cache: none of it is needed, and none is part of the project.
 */

function fileOf(id: string): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  return join(cache, "kube2iam-to-kiam", "plans", `${id}.json`);
}

/** Keeps what a plan says. Where that cannot be, only the comparison is lost. */
export async function savePlan(id: string, sayings: readonly Saying[]): Promise<void> {
  const file = fileOf(id);
  try {
    await makeDirectory(dirname(file), 0o700);
    await writeFile(file, JSON.stringify(sayings), { mode: 0o600 });
  } catch {
    // A home that may not be written to, as in a container.
  }
}

/** What that plan said; undefined where it was not made here. */
export async function savedPlan(id: string): Promise<Saying[] | undefined> {
  try {
    const sayings = sayingsSchema.parse(JSON.parse(await readFile(fileOf(id), "utf8")));
    return planId(sayings) === id ? sayings : undefined;
  } catch {
    return undefined;
  }
}
