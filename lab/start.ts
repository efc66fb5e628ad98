/* `npm start`: the whole migration on a cluster that this machine boots for it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { execa } from "execa";

import { createProgress, formatElapsed, type Progress } from "../automation/progress.js";
import { awsServerCommand } from "./aws/command.js";
import { describeAccess } from "./cluster/access.js";
import type { Cluster } from "./cluster/cluster.js";
import { describeRunning, findRunningLab } from "./cluster/lock.js";
import { enter } from "./cluster/namespaces.js";
import { cleanLeftovers, startCluster, stopCluster } from "./cluster/start.js";
import { METADATA_ADDRESS, OPERATOR, VPC_ADDRESS } from "./cluster/topology.js";
import { handoverName, type Handover } from "./drive.js";
import { buildImages } from "./images/images.js";
import { describeStackAccess } from "./operator.js";
import { parseLabOptions, type LabOptions } from "./options.js";
import { CHECKOUT } from "./parts/context.js";
import { resolveParts } from "./parts/resolve.js";
import { formatPartTable } from "./parts/table.js";
import type { Parts } from "./parts/types.js";

async function main(): Promise<number> {
  const options = parseLabOptions(process.argv.slice(2));
  const progress = createProgress();
  const began = Date.now();
  refuseWhereImpossible();
  if (options.down) return takeDown(progress);
  const running = findRunningLab();
  if (running !== undefined) throw new Error(describeRunning(running));
  await cleanLeftovers(progress);

  const parts = await resolveParts({ given: options.given, install: options.install }, progress);
  const images = await buildImages(parts, progress);
  progress.note(`\nEverything is there after ${formatElapsed(Date.now() - began)}.\n`);
  const cluster = await bootCluster(
    options,
    parts,
    images.map((image) => image.tar),
    progress,
  );
  let status = 1;
  try {
    status = await drive(cluster, parts, options);
  } finally {
    if (options.keep && !interrupted) {
      cluster.keep();
      progress.note(
        `\nThe cluster keeps running.\n${describeAccess(cluster, parts.kubernetes.kubectl)}`,
      );
      progress.note(describeStackAccess(cluster, parts));
    } else {
      await progress.run("taking the cluster down", () => cluster.stop());
    }
  }
  progress.note(`\n${formatPartTable(parts.table)}`);
  const standIns = parts.table.filter((row) => row.origin === "stand-in").map((row) => row.part);
  if (standIns.length > 0) {
    progress.note(`Stand-ins of this project ran in place of: ${standIns.join(", ")}.`);
  }
  progress.note(`\nAll of it took ${formatElapsed(Date.now() - began)}.`);
  return interrupted ? 130 : status;
}

function refuseWhereImpossible(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error(
      "The embedded cluster needs Linux and root: it makes network namespaces, nat rules and containers. " +
        "Run: sudo npm start",
    );
  }
}

async function takeDown(progress: Progress): Promise<number> {
  if (findRunningLab() === undefined && !(await cleanLeftovers(progress))) {
    progress.note("No cluster runs here, and none has left anything.");
    return 0;
  }
  await progress.run("taking the cluster down", () => stopCluster());
  return 0;
}

function bootCluster(
  options: LabOptions,
  parts: Parts,
  images: string[],
  progress: Progress,
): Promise<Cluster> {
  return startCluster({
    workers: options.workers,
    parts,
    images,
    progress,
    awsCommand: (paths) =>
      awsServerCommand({
        python: parts.python,
        plain: `${VPC_ADDRESS}:4566`,
        tls: {
          address: `${VPC_ADDRESS}:443`,
          certificate: paths.awsServer.certificate,
          key: paths.awsServer.key,
        },
        metadata: { address: `${METADATA_ADDRESS}:80`, nodes: paths.awsNodes },
        adminFile: join(paths.awsDirectory, "admin.json"),
        decisions: join(paths.logs, "assume-role.jsonl"),
      }),
  });
}

/** The rest happens where an operator would be: in a network that reaches the cluster. */
async function drive(cluster: Cluster, parts: Parts, { to }: LabOptions): Promise<number> {
  const handover: Handover = { parts: { engine: parts.engine, plugins: parts.plugins }, to };
  await writeFile(join(cluster.paths.directory, handoverName), JSON.stringify(handover));
  const [file = "", ...args] = [
    ...enter(OPERATOR),
    process.execPath,
    "--import",
    "tsx",
    join(CHECKOUT, "lab", "drive.ts"),
  ];
  const child = execa(file, args, { stdio: "inherit", reject: false, cwd: CHECKOUT });
  stopChild = () => child.kill("SIGINT");
  const { exitCode } = await cluster.guard(child);
  return exitCode ?? 1;
}

let interrupted = false;
let stopChild: () => void = () => {};

// On a terminal the child gets Ctrl-C as well; otherwise this is how it hears of it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    if (interrupted) return;
    interrupted = true;
    console.error(`\n${signal}: stopping, then cleaning up.`);
    stopChild();
  });
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
