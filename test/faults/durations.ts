import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What each fault took when it was last measured, two shards side by side, in seconds by name. */
const file = join(__dirname, "durations.json");

type Durations = Record<string, number>;

export function readDurations(): Durations {
  return JSON.parse(readFileSync(file, "utf8")) as Durations;
}

/** Notes what this run's faults took; the others stay. */
export async function writeDurations(measured: Durations): Promise<void> {
  const known = JSON.parse(await readFile(file, "utf8")) as Durations;
  await writeFile(file, `${JSON.stringify({ ...known, ...measured }, null, 2)}\n`);
}
