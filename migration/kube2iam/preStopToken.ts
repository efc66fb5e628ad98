import type { ClusterFacts } from "../facts/clusterFacts.js";
import { digest } from "../text/digest.js";

/**
 * Has kube2iam's preStop hook to be neutralised (again)? The token is an input of the gate that
 * does it: a new one runs it again, an equal one leaves it alone.
 *
 * The gate notes the token before it does anything else. So a hook that is there makes a token
 * unlike every one before; once the hook is gone the noted one stands, also when kube2iam is
 * retired; and a gate that was interrupted, or could not reach a node, has noted another token than
 * the stack's state holds, so that the next update runs it again.
 */
export function preStopToken({
  kube2iam,
  notes: { preStopToken: noted = "none" },
}: Pick<ClusterFacts, "kube2iam" | "notes">): string {
  const hooks = kube2iam?.preStop ?? [];
  return hooks.length === 0 ? noted : digest([noted, JSON.stringify(hooks)]);
}
