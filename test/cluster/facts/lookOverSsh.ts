/**
 * Looks at workers from where it runs: one line of JSON with settings and facts in, one with what
 * it saw out.
 */
import { createInterface } from "node:readline";

import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { lookOverSsh } from "../../../cluster/facts/workersOverSsh.js";

async function main(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { settings, facts } = JSON.parse(line) as { settings: unknown; facts: ClusterFacts };
    console.log(JSON.stringify(await lookOverSsh(parseSettings(settings), facts)));
  }
}

void main();
