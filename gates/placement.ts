import type { V1Node, V1NodeSelectorTerm, V1PodSpec } from "@kubernetes/client-node";

import { untolerated } from "../migration/nodeSelection.js";
import type { Toleration } from "../migration/settings.js";

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
  const taints = untolerated(
    { taints: (node.spec?.taints ?? []).map(({ key, value, effect }) => ({ key, value, effect })) },
    (spec.tolerations ?? []) as Toleration[],
  );
  if (taints.length > 0) {
    const named = taints.map(
      ({ key, value, effect }) => `${key}${value ? `=${value}` : ""}:${effect}`,
    );
    return {
      what: `the node has the taint ${named.join(", ")}, which its pods do not tolerate`,
      fix: "add a toleration for it (kiam.serverTolerations for kiam's server)",
    };
  }
  return undefined;
}

/** Terms are alternatives; within one, everything must hold. */
function matchesTerm(term: V1NodeSelectorTerm, node: V1Node): boolean {
  const holds = (value: string | undefined, operator: string, values: string[] = []) => {
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      case "Gt":
        return Number(value) > Number(values[0]);
      case "Lt":
        return Number(value) < Number(values[0]);
      default:
        return false;
    }
  };
  const labels = node.metadata?.labels ?? {};
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  return (
    expressions.length + fields.length > 0 &&
    expressions.every((each) => holds(labels[each.key], each.operator, each.values)) &&
    fields.every((each) => holds(node.metadata?.name, each.operator, each.values))
  );
}
