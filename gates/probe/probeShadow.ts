import { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Gate } from "../protocol/inputs.js";
import { runProbe } from "./runProbe.js";
import { requireSameNode } from "../nodes/sameNode.js";

/**
 * Asks the kiam agent directly, and whether it is the agent that listens there: kiam and kube2iam know a caller by
 * its pod IP, so this needs no rule and changes nothing for anybody.
 */
export const probeShadow: Gate<"probe-shadow"> = async ({ target, worker, probe }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  await requireSameNode(cluster, worker);
  return runProbe(cluster, {
    worker: worker.name,
    probe,
    address: `${worker.hostIp}:${target.kiam.agentPort}`,
    expected: "kiam",
    seconds: target.timeoutSeconds,
  });
};
