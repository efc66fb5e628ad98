import { silentProgress } from "../../automation/progress.js";
import { labAwsCommand } from "../../lab/aws/command.js";
import type { Cluster } from "../../lab/cluster/cluster.js";
import { findRunningLab } from "../../lab/cluster/lock.js";
import { startCluster } from "../../lab/cluster/start.js";
import { buildImages } from "../../lab/images/images.js";
import { inOperatorNetwork } from "../../lab/inOperatorNetwork.js";
import { resolveParts } from "../../lab/parts/resolve.js";
import type { Parts } from "../../lab/parts/types.js";
import { needsRoot, skipBecause } from "../support/requirements.js";
import type * as operate from "./operate.js";

type Operate = typeof operate;

/** A function of operate.ts, run in the operator's network. */
export function call<Name extends keyof Operate>(
  name: Name,
  ...args: Parameters<Operate[Name]>
): Promise<Awaited<ReturnType<Operate[Name]>>> {
  return inOperatorNetwork<Awaited<ReturnType<Operate[Name]>>>(
    require.resolve("./operate.ts"),
    name,
    args,
  ).result;
}

/** One master, workers, kube2iam and the load. Skips the suite, saying why, where that can't be. */
export async function bootProduction(
  context: Mocha.Context,
  { workers = 2 } = {},
): Promise<{ cluster: Cluster; programs: Pick<Parts, "engine" | "plugins"> }> {
  needsRoot(context);
  if (findRunningLab() !== undefined) {
    skipBecause(context, "needs the lab's directory, in which a lab runs");
  }
  const parts = await resolveParts({}, silentProgress);
  const cluster = await startCluster({
    workers,
    parts,
    images: await buildImages(parts, silentProgress),
    progress: silentProgress,
    awsCommand: (paths) => labAwsCommand(parts.python, paths),
  });
  await call("production");
  return { cluster, programs: { engine: parts.engine, plugins: parts.plugins } };
}
