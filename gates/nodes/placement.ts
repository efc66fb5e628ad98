import type { V1DaemonSet, V1NodeSelectorTerm, V1PodSpec } from "@kubernetes/client-node";

import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import { isKeptOff } from "../../migration/kiam/kiamOnly.js";
import { avoidsKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { holds } from "../../migration/facts/labelSelector.js";
import { untolerated } from "../../migration/situation/nodeSelection.js";
import type { Toleration } from "../../migration/settings/schema.js";

/** What decides whether a pod may come to a node. */
type Placed = Pick<NodeFacts, "name" | "labels" | "taints">;

/** Why a DaemonSet's pods are not meant for a node; undefined where they are. */
export function notMeantFor(
  spec: V1PodSpec,
  node: Placed,
): { what: string; fix: string } | undefined {
  const missing = Object.entries(spec.nodeSelector ?? {}).filter(
    ([label, value]) => node.labels[label] !== value,
  );
  if (missing.length > 0) {
    const wanted = missing.map(([label, value]) => `${label}=${value}`).join(", ");
    return {
      what: `its node selector asks for ${wanted}, which the node does not have`,
      fix: "label the node, or correct the node selector",
    };
  }
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms !== undefined && !terms.some((term) => matchesTerm(term, node))) {
    return {
      what: `its node affinity (${JSON.stringify(terms)}) does not fit the node's labels`,
      fix: "label the node, or correct the affinity",
    };
  }
  const taints = untolerated(node, tolerationsOf(spec));
  if (taints.length > 0) {
    const named = taints.map(
      ({ key, value, effect }) => `${key}${value ? `=${value}` : ""}:${effect}`,
    );
    return {
      what: `the node has the taint ${named.join(", ")}, which its pods do not tolerate`,
      fix: "let them tolerate it (kiam's server: kiam.serverTolerations; kube2iam: in its DaemonSet)",
    };
  }
  return undefined;
}

/** The nodes that a DaemonSet's pods are not meant for, by name, and why; none without it. */
export function nodesWithout(
  daemonSet: V1DaemonSet | undefined,
  nodes: readonly Placed[],
): Map<string, string> {
  const spec = daemonSet?.spec?.template.spec;
  return new Map(
    nodes.flatMap((node): [string, string][] => {
      const why = spec && notMeantFor(spec, node);
      return why === undefined ? [] : [[node.name, why.what]];
    }),
  );
}

/** Names of the nodes that the kiam-only label or taint keeps free of a DaemonSet; none without it. */
export function kiamOnlyNodes(
  daemonSet: V1DaemonSet | undefined,
  nodes: readonly Placed[],
): Set<string> {
  const spec = daemonSet?.spec?.template.spec;
  if (spec === undefined) return new Set();
  const pods = {
    tolerations: tolerationsOf(spec),
    avoidsKiamOnly: avoidsKiamOnly(spec.affinity),
  };
  return new Set(nodes.filter((node) => isKeptOff(pods, node)).map(({ name }) => name));
}

/** The client's type leaves the operators open. */
export function tolerationsOf(spec: V1PodSpec | undefined): Toleration[] {
  return (spec?.tolerations ?? []) as Toleration[];
}

/** Terms are alternatives; within one, everything must hold. */
function matchesTerm(term: V1NodeSelectorTerm, { name, labels }: Placed): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  return (
    expressions.length + fields.length > 0 &&
    expressions.every((each) => holds(labels[each.key], each.operator, each.values)) &&
    fields.every((each) => holds(name, each.operator, each.values))
  );
}
