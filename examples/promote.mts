/*
 * Moves staging, watches it for a day, and then moves production in the same way:
 * node examples/promote.mts cutover
 *
 * Production is moved only where staging was done at every look.
 */
import { setTimeout as sleep } from "node:timers/promises";

import {
  migrate,
  MigrationError,
  openStack,
  stages,
  status,
  stopOnSignals,
  type MigrationStack,
  type Stage,
} from "kube2iam-to-kiam";

const hours = Number(process.env.SOAK_HOURS ?? 24);
const to = stages.find((stage) => stage === process.argv[2]) ?? "cutover";

/** Aborted to stop: in order, and at once. */
interface Stops {
  signal: AbortSignal;
  atOnce: AbortSignal;
}

async function promote(name: string, to: Stage, stops: Stops): Promise<MigrationStack> {
  const stack = await openStack({ stack: name });
  const move = migrate(stack, {
    to,
    ...stops,
    // A worker that has to wait is for a person to look at.
    approve: ({ plan }) => plan.waiting.length === 0,
  });
  for await (const event of move) {
    if (event.type === "stage-done") console.log(`${name} is at stage ${event.at}`);
  }
  return stack;
}

async function soak(stack: MigrationStack, signal: AbortSignal): Promise<void> {
  const end = Date.now() + hours * 3_600_000;
  // A look at the beginning, one every 5 minutes, and one at the end.
  for (let left = 0; ;) {
    await sleep(left, undefined, { signal });
    const { done, next } = await status(stack, { signal });
    if (!done) throw new Error(`${stack.stackName} did not stay as it was moved: ${next[0]}`);
    left = Math.min(end - Date.now(), 5 * 60_000);
    if (left <= 0) return;
  }
}

try {
  await stopOnSignals(async (signal, atOnce) => {
    const staging = await promote("staging", to, { signal, atOnce });
    await soak(staging, signal);
    await promote("production", to, { signal, atOnce });
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof MigrationError) {
    for (const command of error.next) console.error(`  ${command}`);
  }
  process.exitCode = 1;
}
