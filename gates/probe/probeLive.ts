import { plainId } from "../../migration/text/digest.js";
import { asFound, recordCutover } from "../nodes/cutoverRecord.js";
import { GateContext } from "../protocol/context.js";
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
  const context = await GateContext.connect(input.target);
  const { worker, probe, generation, kiamOnly } = input;
  const before = await requireSameNode(context, worker);
  const found = asFound(await context.rules(), before);
  let result: ProbeResult;
  try {
    result = await proveLive(context, { worker, probe, system: "kiam" });
  } catch (error) {
    return giveUp(context, input, error);
  }
  // That pod serves no request now. What goes wrong with it is no reason to go back.
  const fresh = await replaceHookedPod(context, worker);
  const after = await requireSameNode(context, worker);
  await recordCutover(context, after, {
    ...found,
    // Its rule was removed again, and kiam's seen to be there.
    ...(fresh === undefined ? {} : { kube2iamPod: plainId(fresh.metadata?.uid) }),
    generation,
    proven: true,
    ...(kiamOnly ? { kiamOnly } : {}),
  });
  return result;
};
