import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What each fault took when it was last measured, two shards side by side, in seconds by name. */
const file = join(__dirname, "durations.json");

type Durations = Record<string, number>;

export function readDurations(): Durations {
  return JSON.parse(readFileSync(file, "utf8")) as Durations;
}

/** Notes what this run's faults took; the others stay. */
export async function writeDurations(measured: Durations): Promise<void> {
  await writeFile(file, `${JSON.stringify({ ...readDurations(), ...measured }, null, 2)}\n`);
}
