/*
 * Moves the workers of one node group after the other:
 * node examples/groupByGroup.mts production spot general gpu
 *
 * The setting workers.groups names the groups that move. This adds one at a time, and goes on once all
 * of its workers are proven.
 */
import { migrate, openStack, status, stopOnSignals } from "kube2iam-to-kiam";

const [stackName = "staging", ...groups] = process.argv.slice(2);

async function move(signal: AbortSignal, atOnce: AbortSignal): Promise<void> {
  for (const [index, group] of groups.entries()) {
    const soFar = groups.slice(0, index + 1);
    const stack = await openStack({ stack: stackName, settings: { workers: { groups: soFar } } });
    const move = migrate(stack, { to: "cutover", approve: true, signal, atOnce });
    for await (const event of move) {
      if (event.type === "planned") console.log(`${group}: plan ${event.planned.id}`);
      if (event.type === "resource") console.log(`  ${event.operation} ${event.what}`);
    }
    const { done, workers } = await status(stack, { signal });
    const proven = workers.filter((worker) => worker.proven).length;
    console.log(`${group}: ${proven} of ${workers.length} workers are proven on kiam`);
    if (!done) throw new Error(`Something is left to do: kiam-migrate status --stack ${stackName}`);
  }
}

if (groups.length === 0) {
  console.error(`Which groups? node examples/groupByGroup.mts ${stackName} GROUP …`);
  process.exit(2);
}
try {
  await stopOnSignals(move);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
