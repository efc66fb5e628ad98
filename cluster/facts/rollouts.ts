import type { Rollouts } from "../../migration/status/status.js";
import { kiamNames } from "../../migration/kiam/names.js";
import { allOf } from "../kubernetes/api.js";
import type { Settings } from "../../migration/settings/schema.js";
import { Cluster } from "../kubernetes/cluster.js";
import { kubeConfig } from "../kubernetes/kubeConfig.js";
import { reaching } from "../kubernetes/reaching.js";

/**
 * How many pods of kiam's servers and agents are ready, by their DaemonSets. Changes nothing.
 *
 * @throws ContactError where the API refuses or cannot be reached
 */
export async function readRollouts({
  kubernetes,
  kiam: { namespace },
}: Pick<Settings, "kubernetes" | "kiam">): Promise<Rollouts> {
  const config = await kubeConfig(kubernetes.context);
  const cluster = await Cluster.connect(kubernetes);
  const of = async (name: string) => {
    const status = (await cluster.daemonSet({ namespace, name }))?.status;
    return status && { wanted: status.desiredNumberScheduled, ready: status.numberReady };
  };
  return reaching(config, async () => {
    const [servers, agents] = await allOf([of(kiamNames.server), of(kiamNames.agent)]);
    return { servers, agents };
  });
}
