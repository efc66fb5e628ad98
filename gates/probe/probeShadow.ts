import { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { CheckedInput, GateOutput } from "../protocol/inputs.js";
import { runProbe } from "./runProbe.js";
import { requireSameNode } from "../nodes/sameNode.js";

/**
 * Asks the kiam agent directly, and whether it is the agent that listens there: kiam and kube2iam know a caller by
 * its pod IP, so this needs no rule and changes nothing for anybody.
 */
export async function probeShadow({
  target,
  worker,
  probe,
}: CheckedInput<"probe-shadow">): Promise<GateOutput<"probe-shadow">> {
  const cluster = await Cluster.connect(target.kubernetes);
  await requireSameNode(cluster, worker);
  return runProbe(cluster, {
    worker: worker.name,
    probe,
    address: `${worker.hostIp}:${target.kiam.agentPort}`,
    expected: "kiam",
    seconds: target.timeoutSeconds,
  });
}
