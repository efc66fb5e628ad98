/*
 * `npm run test:faults [-- --shard 1/2] [--grep NAME]`: boots the embedded cluster, makes it look
 * like production, and makes the faults where an operator would be, in the network that reaches
 * it. A shard has a lab of its own, so that all shards can run at once. What is not about shards
 * is mocha's.
 */
import { execa } from "execa";

import { createProgress } from "../../automation/progress.js";
import { labAwsCommand } from "../../lab/aws/command.js";
import { describeRunning, findRunningLab } from "../../lab/cluster/lock.js";
import { enter } from "../../lab/cluster/namespaces.js";
import { startCluster } from "../../lab/cluster/start.js";
import { OPERATOR } from "../../lab/cluster/topology.js";
import { buildImages } from "../../lab/images/images.js";
import { CHECKOUT, labDirectory } from "../../lab/paths.js";
import { resolveParts } from "../../lab/parts/resolve.js";
import { shardDirectory, takeShard } from "../support/shard.js";
import { programsVariable, shardVariable, workers } from "./session.js";

async function main(words: string[]): Promise<number> {
  const { shard, rest: mochaArguments } = takeShard(words);
  process.env.KIAM_LAB_DIR = shardDirectory(labDirectory(), "faults", shard);
  if (process.getuid?.() !== 0) {
    throw new Error("The fault tests need root: they boot the embedded cluster.");
  }
  const running = findRunningLab();
  if (running !== undefined) throw new Error(describeRunning(running));
  const progress = createProgress();
  const parts = await resolveParts({}, progress);
  const images = await buildImages(parts, progress);
  const cluster = await startCluster({
    workers,
    parts,
    images,
    progress,
    awsCommand: (paths) => labAwsCommand(parts.python, paths),
  });
  // Not guarded: nodes go down in these tests.
  try {
    const [file = "", ...args] = [
      ...enter(OPERATOR),
      process.execPath,
      require.resolve("mocha/bin/mocha.js"),
      ...["--fail-zero", "--reporter", "test/support/reporter.ts", "--timeout", "420000"],
      ...mochaArguments,
      "test/faults/faults.test.ts",
    ];
    const { exitCode } = await execa(file, args, {
      cwd: CHECKOUT,
      stdio: "inherit",
      reject: false,
      env: {
        [shardVariable]: `${shard.index}/${shard.count}`,
        [programsVariable]: JSON.stringify({ engine: parts.engine, plugins: parts.plugins }),
      },
    });
    return exitCode ?? 1;
  } finally {
    if (process.env.KIAM_FAULTS_KEEP === "1") cluster.keep();
    else await progress.run("taking the cluster down", () => cluster.stop());
  }
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
