import { askDirectly } from "./runProbe.js";
import { requireSameNode } from "../nodes/sameNode.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { refuseWhereStopAsked } from "../protocol/stop.js";

/**
 * Asks at the port of kiam's agent, and checks that it is the agent that answers there. kiam and
 * kube2iam know a caller by its pod IP, so this needs no rule, and changes nothing for other pods.
 */
export const probeShadow: Gate<"probe-shadow"> = async ({ target, worker, probe }) => {
  refuseWhereStopAsked();
  const context = await GateContext.connect(target);
  await requireSameNode(context, worker);
  return askDirectly(context, { worker, probe, system: "kiam" });
};
