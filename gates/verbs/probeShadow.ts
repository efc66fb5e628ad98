import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { runProbe } from "../probe.js";
import { requireSameNode } from "../sameNode.js";

/**
 * Asks the kiam agent (or whoever listens on `port`) directly: kiam and kube2iam know a caller by
 * its pod IP, so this needs no rule and changes nothing for anybody.
 */
export async function probeShadow({
  target,
  worker,
  probe,
  port,
}: CheckedInput<"probe-shadow">): Promise<GateOutput<"probe-shadow">> {
  const cluster = await Cluster.connect(target.kubernetes);
  await requireSameNode(cluster, worker);
  return runProbe(cluster, {
    worker: worker.name,
    probe,
    address: `${worker.hostIp}:${port ?? target.kiam.agentPort}`,
    seconds: target.timeoutSeconds,
  });
}
