import {
  kiamOnlyKey,
  type ClusterFacts,
  type Kube2iamFacts,
  type NodeFacts,
} from "../facts/clusterFacts.js";
import { parseCutoverRecord } from "../plan/cutoverRecord.js";
import { untolerated } from "../situation/nodeSelection.js";
import { own } from "../text/text.js";

/** Whether a node has the kiam-only label or taint, and that does keep kube2iam's pods off it. */
export function isKeptOff(
  { tolerations, avoidsKiamOnly }: Pick<Kube2iamFacts, "tolerations" | "avoidsKiamOnly">,
  { labels, taints }: Pick<NodeFacts, "labels" | "taints">,
): boolean {
  const ofThisProgram = taints.filter((taint) => taint.key === kiamOnlyKey);
  return (
    (avoidsKiamOnly && kiamOnlyKey in labels) ||
    untolerated({ taints: ofThisProgram }, tolerations).length > 0
  );
}

/**
 * Whether a worker was born without kube2iam: after its retirement, or kept free of it by the
 * kiam-only label or taint. One that was cut over has a record that says otherwise.
 */
export function isKiamOnly(facts: Pick<ClusterFacts, "kube2iam" | "recorded">, node: NodeFacts) {
  if (own(facts.kube2iam?.pods, node.name) !== undefined) return false;
  const record = parseCutoverRecord(node.cutoverAnnotation);
  if (record !== undefined && "generation" in record) return record.kiamOnly ?? false;
  if (record !== undefined) return false;
  return facts.kube2iam === undefined
    ? facts.recorded !== undefined
    : isKeptOff(facts.kube2iam, node);
}
