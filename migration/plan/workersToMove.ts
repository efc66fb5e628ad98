import type { ClusterFacts } from "../facts/clusterFacts.js";
import { isCutOver } from "./cutoverRecord.js";
import { mayMove, workerNodes } from "../situation/nodeSelection.js";
import type { Settings } from "../settings/schema.js";

/** Names of the workers that the settings move and that kube2iam still serves. */
export function workersToMove(
  settings: Settings,
  { nodes }: Pick<ClusterFacts, "nodes">,
): Set<string> {
  return new Set(
    workerNodes(settings, nodes)
      .filter((node) => mayMove(settings, node))
      .filter((node) => !isCutOver(node))
      .map((node) => node.name),
  );
}
