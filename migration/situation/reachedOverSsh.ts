import type { ClusterFacts, NodeFacts } from "../facts/clusterFacts.js";
import { isKiamOnly } from "../kiam/kiamOnly.js";
import type { Settings } from "../settings/schema.js";
import { mayMove } from "./nodeSelection.js";

/**
 * Whether the cutover connects to a worker over SSH: it moves, and kube2iam's rule may be there. What
 * each way of access declares: components/cutover/access.ts.
 */
export function isReachedOverSsh(
  settings: Settings,
  facts: Pick<ClusterFacts, "kube2iam" | "recorded">,
  node: NodeFacts,
): boolean {
  return settings.workers.access === "ssh" && mayMove(settings, node) && !isKiamOnly(facts, node);
}
