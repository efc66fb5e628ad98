import type { Rollouts } from "../../migration/status/status.js";
import { kiamNames } from "../../migration/kiam/names.js";
import type { Settings } from "../../migration/settings/schema.js";
import { Cluster } from "../kubernetes/cluster.js";

/**
 * How many pods of kiam's servers and agents are ready, by their DaemonSets. Changes nothing.
 *
 * @throws Error that names the call where the API refuses or cannot be reached
 */
export async function readRollouts({
  kubernetes,
  kiam: { namespace },
}: Pick<Settings, "kubernetes" | "kiam">): Promise<Rollouts> {
  const cluster = await Cluster.connect(kubernetes);
  const of = async (name: string) => {
    const status = (await cluster.daemonSet({ namespace, name }))?.status;
    return status && { wanted: status.desiredNumberScheduled, ready: status.numberReady };
  };
  const [servers, agents] = await Promise.all([of(kiamNames.server), of(kiamNames.agent)]);
  return { servers, agents };
}
