import { plainId } from "../../migration/text/digest.js";
import { Cluster } from "../../cluster/kubernetes/cluster.js";
import { asFound, recordCutover } from "../nodes/cutoverRecord.js";
import type { Gate, ProbeResult } from "../protocol/inputs.js";
import { proveLive } from "./live.js";
import { requireSameNode } from "../nodes/sameNode.js";
import { replaceHookedPod } from "../kube2iam/preStop.js";
import { giveUp } from "../cutover/undoCutover.js";

/**
 * The proof of a worker's cutover. Success is recorded on the node, so that an unchanged worker
 * is never cut over again; failure puts the worker back on kube2iam before it is reported.
 */
export const probeLive: Gate<"probe-live"> = async (input) => {
  const cluster = await Cluster.connect(input.target.kubernetes);
  const { target, worker, probe, generation, kiamOnly } = input;
  await requireSameNode(cluster, worker);
  const found = await asFound(cluster, target, worker);
  let result: ProbeResult;
  try {
    ({ result } = await proveLive(cluster, { target, worker, probe, system: "kiam" }));
  } catch (error) {
    return giveUp(cluster, input, error);
  }
  // Nobody needs that pod now. What goes wrong with it is no reason to go back.
  const fresh = await replaceHookedPod(cluster, target, worker);
  await requireSameNode(cluster, worker);
  await recordCutover(cluster, worker, {
    ...found,
    // Its rule was removed again, and kiam's seen to be there.
    ...(fresh === undefined ? {} : { kube2iamPod: plainId(fresh.metadata?.uid) }),
    generation,
    proven: true,
    ...(kiamOnly ? { kiamOnly } : {}),
  });
  return result;
};
