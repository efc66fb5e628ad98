import type { Progress } from "../../automation/progress.js";
import { adminIam } from "../aws/admin.js";
import { adminKube } from "../cluster/adminKube.js";
import type { Cluster } from "../cluster/cluster.js";
import { deployWorkload, modes } from "./applications.js";
import { deployKube2iam } from "./kube2iam.js";
import { applicationRoles, seedRoles } from "./roles.js";

/**
 * Makes the cluster what production is before the migration: IAM roles, kube2iam on every worker, and
 * applications under load. For a process in the operator's network; the admin does it.
 *
 * @param interval see deployWorkload
 */
export async function makeProduction(
  cluster: Cluster,
  progress: Progress,
  interval?: number,
): Promise<void> {
  const kube = await adminKube(cluster.paths);
  const iam = await adminIam(cluster.paths);
  const workers = cluster.workers.length;
  await progress.run("IAM roles as production has them", () => seedRoles(iam));
  await progress.run("kube2iam on every worker", () => deployKube2iam(kube, { workers }));
  await progress.run("applications that ask for credentials without pause", () =>
    deployWorkload(kube, cluster.paths, { workers, interval }),
  );
}

/** Milliseconds between a client's requests: 120 a second in all, however many workers there are. */
export function intervalFor(workers: number): number {
  const clients = workers * applicationRoles.length * modes.length;
  return Math.round((clients * 1000) / 120);
}
