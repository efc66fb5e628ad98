import type { ClusterFacts } from "../facts/clusterFacts.js";
import { isCutOver, isStuckOnKiam, parseCutoverRecord } from "../plan/cutoverRecord.js";
import type { Settings } from "../settings/schema.js";
import { reaches } from "../stages.js";

/** Whether kiam supplies a worker, or may: its cutover was begun and not undone. */
export function kiamSupplies({ nodes }: Pick<ClusterFacts, "nodes">): boolean {
  return nodes.some(
    (node) => isCutOver(node) || isStuckOnKiam(parseCutoverRecord(node.cutoverAnnotation)),
  );
}

/** Whether the settings ask for an earlier stage than is reached. */
export function goesBack({ stage }: Settings, facts: ClusterFacts): boolean {
  if (!reaches(stage, "agent")) return facts.agents.length > 0;
  if (!reaches(stage, "cutover")) return kiamSupplies(facts);
  return !reaches(stage, "retire") && facts.kube2iam === undefined && facts.recorded !== undefined;
}
