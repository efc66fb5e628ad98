import type { ClusterFacts } from "./clusterFacts.js";
import { isProven, parseCutoverRecord } from "./cutoverRecord.js";
import { mayMove, workerNodes } from "./nodeSelection.js";
import type { Settings } from "./settings.js";

/** Names of the workers that the settings move and that kube2iam still serves. */
export function workersToMove(
  settings: Settings,
  { nodes }: Pick<ClusterFacts, "nodes">,
): Set<string> {
  return new Set(
    workerNodes(settings, nodes)
      .filter((node) => mayMove(settings, node))
      .filter((node) => !isProven(parseCutoverRecord(node.cutoverAnnotation)))
      .map((node) => node.name),
  );
}
