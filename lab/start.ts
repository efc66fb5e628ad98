/* `npm start`: the whole migration on a cluster that this machine boots for it, or a shell to try things there. */

import { createProgress, formatElapsed, type Progress } from "../automation/progress.js";
import { labAwsCommand } from "./aws/command.js";
import { describeAccess } from "./cluster/access.js";
import { refuseWhatAnotherHas } from "./cluster/cleanup.js";
import type { Cluster } from "./cluster/cluster.js";
import { describeRunning, findRunningLab, knownLabs } from "./cluster/lock.js";
import { cleanLeftovers, stopCluster } from "./cluster/stop.js";
import { startCluster } from "./cluster/start.js";
import { buildImages, type BuiltImage } from "./images/images.js";
import { inOperatorNetwork } from "./inOperatorNetwork.js";
import { Interruption, refuseWhereImpossible } from "./interruption.js";
import { describeStackAccess } from "./operator.js";
import { parseLabOptions, type LabOptions } from "./options.js";
import { labDirectory } from "./paths.js";
import { resolveParts } from "./parts/resolve.js";
import { formatPartTable } from "./parts/table.js";
import type { Parts } from "./parts/types.js";
import { describeShell, openShell } from "./shell/openShell.js";

const interruption = new Interruption();

async function main(): Promise<number> {
  const options = parseLabOptions(process.argv.slice(2));
  const progress = createProgress();
  const began = Date.now();
  refuseWhereImpossible("npm start");
  if (options.down) return takeDown(progress);
  const running = findRunningLab();
  if (running !== undefined) throw new Error(describeRunning(running));
  refuseWhatAnotherHas(labDirectory());
  await cleanLeftovers(progress);

  const parts = await resolveParts({ given: options.given, install: options.install }, progress);
  const images = await buildImages(parts, progress);
  progress.note(`\nEverything is there after ${formatElapsed(Date.now() - began)}.\n`);
  const cluster = await bootCluster(options, parts, images, progress);
  let status = 1;
  try {
    status = options.shell
      ? await openShell({ cluster, parts, keep: options.keep, interruption, progress })
      : await driveCluster(cluster, parts, options);
  } finally {
    if (options.keep && !interruption.happened) {
      cluster.keep();
      progress.note("\nThe cluster keeps running.");
      progress.note(options.shell ? describeShell(cluster) : describeStackAccess(cluster, parts));
      progress.note(describeAccess(cluster, parts.kubernetes.kubectl));
    } else {
      await progress.run("taking the cluster down", () => cluster.stop());
    }
  }
  progress.note(`\n${formatPartTable(parts.table)}`);
  const standIns = parts.table.filter((row) => row.origin === "stand-in").map((row) => row.part);
  if (standIns.length > 0) {
    progress.note(`Stand-ins of this project are in place of: ${standIns.join(", ")}.`);
  }
  progress.note(`\nAll of it took ${formatElapsed(Date.now() - began)}.`);
  return interruption.happened ? 130 : status;
}

async function takeDown(progress: Progress): Promise<number> {
  const own = findRunningLab();
  if (own !== undefined) await progress.run("taking the cluster down", () => stopCluster());
  const left = await cleanLeftovers(progress);
  if (own === undefined && !left) {
    progress.note(`No cluster runs in ${labDirectory()}, and none has left anything.`);
  }
  for (const { directory } of knownLabs()) {
    progress.note(
      `The cluster in ${directory} goes on. It is taken down by: KIAM_LAB_DIR=${directory} npm start -- --down`,
    );
  }
  return 0;
}

function bootCluster(
  options: LabOptions,
  parts: Parts,
  images: BuiltImage[],
  progress: Progress,
): Promise<Cluster> {
  return startCluster({
    workers: options.workers,
    parts,
    images,
    progress,
    signal: interruption.signal,
    awsCommand: (paths) => labAwsCommand(parts.python, paths),
  });
}

/**
 * The rest happens where an operator would be: in a network that reaches the cluster.
 *
 * @returns status to exit with
 */
async function driveCluster(cluster: Cluster, parts: Parts, { to }: LabOptions): Promise<number> {
  const call = inOperatorNetwork<boolean>(require.resolve("./drive.ts"), "drive", [
    { engine: parts.engine, plugins: parts.plugins },
    ...(to === undefined ? [] : [to]),
  ]);
  return (await cluster.guard(interruption.passTo(call))) ? 0 : 1;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
