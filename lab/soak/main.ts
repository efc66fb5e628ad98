/*
 * `npm run soak -- --minutes N`: boots a cluster in a lab directory of its own, moves it there and
 * back under load while nodes, pods and services come, go and falter, and reports.
 */
import { randomInt } from "node:crypto";

import { Command, InvalidArgumentError } from "commander";

import { createProgress } from "../../automation/progress.js";
import { labAwsCommand } from "../aws/command.js";
import { refuseWhatAnotherHas } from "../cluster/cleanup.js";
import { describeRunning, findRunningLab } from "../cluster/lock.js";
import { startCluster } from "../cluster/start.js";
import { buildImages } from "../images/images.js";
import { inOperatorNetwork } from "../inOperatorNetwork.js";
import { Interruption, refuseWhereImpossible } from "../interruption.js";
import { labDirectory } from "../paths.js";
import { resolveParts } from "../parts/resolve.js";
import { formatPartTable } from "../parts/table.js";
import { firstWorkers } from "./schedule.js";

const interruption = new Interruption();

async function main(args: readonly string[]): Promise<number> {
  const options = parse(args);
  // Beside npm start and the tests.
  process.env.KIAM_LAB_DIR = `${labDirectory()}-soak`;
  refuseWhereImpossible("npm run soak");
  const running = findRunningLab();
  if (running !== undefined) throw new Error(describeRunning(running));
  refuseWhatAnotherHas(labDirectory());
  const progress = createProgress();
  const again = `npm run soak -- --minutes ${options.minutes} --seed ${options.seed}`;
  progress.note(`Seed ${options.seed}. The same events again: ${again}`);
  try {
    const parts = await resolveParts({}, progress);
    const images = await buildImages(parts, progress);
    const cluster = await startCluster({
      workers: firstWorkers,
      parts,
      images,
      progress,
      signal: interruption.signal,
      awsCommand: (paths) => labAwsCommand(parts.python, paths),
    });
    try {
      // Not guarded: nodes go down in a soak.
      const call = inOperatorNetwork<boolean>(require.resolve("./soak.ts"), "soak", [
        { engine: parts.engine, plugins: parts.plugins },
        options,
      ]);
      const good = await interruption.passTo(call);
      progress.note(`\n${formatPartTable(parts.table)}`);
      return good ? 0 : 1;
    } finally {
      await progress.run("taking the cluster down", () => cluster.stop());
    }
  } finally {
    progress.note(`Seed ${options.seed}. The same events again: ${again}`);
  }
}

function parse(args: readonly string[]): { seed: number; minutes: number } {
  return new Command("npm run soak --")
    .description(
      "Moves a cluster to kiam and back, round after round, under load, while nodes join, leave, reboot and are\n" +
        "replaced, pods come and go, servers and agents restart, and DNS and STS falter. Needs Linux and root.",
    )
    .option("--minutes <n>", "how long things happen", positive, 10)
    .option("--seed <n>", "of the events; default: any", whole, randomInt(2 ** 31))
    .addHelpText(
      "after",
      "\nExit status: 0 when no identity was wrong, no request failed but where an event took the only path away,\n" +
        "and every node is as the last stage wants it; 1 otherwise.",
    )
    .parse(args, { from: "user" })
    .opts<{ seed: number; minutes: number }>();
}

function positive(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0 && minutes < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError("It must be a number above 0.");
  }
  return minutes;
}

function whole(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new InvalidArgumentError("It must be a whole number from 0, below 2^32.");
  }
  return seed;
}

main(process.argv.slice(2)).then(
  (status) => process.exit(interruption.happened ? 130 : status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(interruption.happened ? 130 : 1);
  },
);
