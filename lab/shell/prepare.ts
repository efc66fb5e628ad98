/*
 * Runs in the operator's network namespace, called by openShell.ts: makes the cluster look like
 * production, and lays out what its shell needs. Moves nothing.
 */
import { createProgress } from "../../automation/progress.js";
import { openCluster } from "../cluster/start.js";
import { labSettings, operatorEnvironment } from "../operator.js";
import type { Parts } from "../parts/types.js";
import { intervalFor, makeProduction } from "../workload/production.js";
import { shellEnvironment, writeEntrance } from "./entrance.js";
import { shellPlaces } from "./places.js";
import { createProject } from "./project.js";

export type ShellParts = Pick<Parts, "engine" | "plugins" | "kubernetes">;

export async function prepareShell(parts: ShellParts): Promise<void> {
  const progress = createProgress();
  const cluster = await openCluster();
  const places = shellPlaces(cluster.paths);
  // Who tries things in the lab is the cluster's administrator as well.
  const operator = {
    ...(await operatorEnvironment(cluster)),
    KUBECONFIG: cluster.paths.kubeconfig,
  };
  const environment = shellEnvironment(cluster.paths, places, parts, operator);
  Object.assign(process.env, operator);
  await makeProduction(cluster, progress, intervalFor(cluster.workers.length));
  await progress.run("a checkout with stack lab, as a user has one", async () => {
    await createProject(places, parts, environment, await labSettings(cluster, "prepare"));
    await writeEntrance(cluster, places, parts, environment);
  });
}
