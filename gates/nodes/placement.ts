import type { V1Node, V1NodeSelectorTerm, V1PodSpec } from "@kubernetes/client-node";

import type { Taint } from "../../migration/facts/clusterFacts.js";
import { isKeptOff } from "../../migration/kiam/kiamOnly.js";
import { avoidsKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { holds } from "../../migration/facts/labelSelector.js";
import { untolerated } from "../../migration/situation/nodeSelection.js";
import type { Toleration } from "../../migration/settings/schema.js";
import type { Cluster, ObjectName } from "../../cluster/kubernetes/cluster.js";

/** Why a DaemonSet's pods are not meant for a node; undefined where they are. */
export function notMeantFor(
  spec: V1PodSpec,
  node: V1Node,
): { what: string; fix: string } | undefined {
  const labels = node.metadata?.labels ?? {};
  const missing = Object.entries(spec.nodeSelector ?? {}).filter(
    ([label, value]) => labels[label] !== value,
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
  const taints = untolerated({ taints: taintsOf(node) }, (spec.tolerations ?? []) as Toleration[]);
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

/** Of these nodes, those that a DaemonSet's pods are not meant for, by name, and why. */
export async function nodesWithout(
  cluster: Cluster,
  name: ObjectName,
  nodes: readonly string[],
): Promise<Map<string, string>> {
  const spec = (await cluster.daemonSet(name))?.spec?.template.spec;
  if (spec === undefined) return new Map();
  return new Map(
    (await cluster.nodes()).flatMap((node): [string, string][] => {
      const own = node.metadata?.name ?? "";
      const why = nodes.includes(own) ? notMeantFor(spec, node) : undefined;
      return why === undefined ? [] : [[own, why.what]];
    }),
  );
}

/** Names of the nodes that the kiam-only label or taint keeps free of that DaemonSet; none without it. */
export async function kiamOnlyNodes(cluster: Cluster, name: ObjectName): Promise<Set<string>> {
  const spec = (await cluster.daemonSet(name))?.spec?.template.spec;
  if (spec === undefined) return new Set();
  const nodes = (await cluster.nodes()).filter((node) => isKiamOnlyFor(spec, node));
  return new Set(nodes.map((node) => node.metadata?.name ?? ""));
}

/** Whether the kiam-only label or taint of a node keeps a DaemonSet's pods off it. */
function isKiamOnlyFor(spec: V1PodSpec, node: V1Node): boolean {
  return isKeptOff(
    {
      tolerations: (spec.tolerations ?? []) as Toleration[],
      avoidsKiamOnly: avoidsKiamOnly(spec.affinity),
    },
    { labels: node.metadata?.labels ?? {}, taints: taintsOf(node) },
  );
}

function taintsOf(node: V1Node): Taint[] {
  return (node.spec?.taints ?? []).map(({ key, value, effect }) => ({ key, value, effect }));
}

/** Terms are alternatives; within one, everything must hold. */
function matchesTerm(term: V1NodeSelectorTerm, node: V1Node): boolean {
  const labels = node.metadata?.labels ?? {};
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  return (
    expressions.length + fields.length > 0 &&
    expressions.every((each) => holds(labels[each.key], each.operator, each.values)) &&
    fields.every((each) => holds(node.metadata?.name, each.operator, each.values))
  );
}
