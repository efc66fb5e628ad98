import type { V1Affinity, V1NodeSelectorTerm } from "@kubernetes/client-node";

import { kiamOnlyKey } from "../facts/clusterFacts.js";

/*
 * The one expression that keeps kube2iam's DaemonSet off nodes with the kiam-only label: put into
 * a required node affinity, and taken out again, with everything else in it left as it is.
 *
 * Terms are alternatives, so it has to be in every one of them. A term without expressions matches
 * no node at all, and is left alone: the expression would make it match nearly all of them.
 */

const expression = { key: kiamOnlyKey, operator: "DoesNotExist" };

/** The affinity with the expression in it; the very same where it is in it already. */
export function avoidKiamOnly(affinity: V1Affinity | undefined): V1Affinity {
  if (affinity !== undefined && avoidsKiamOnly(affinity)) return affinity;
  const terms = termsOf(affinity);
  return withTerms(
    affinity,
    terms === undefined
      ? [{ matchExpressions: [expression] }]
      : terms.map((term) =>
          matchesNothing(term) || hasExpression(term)
            ? term
            : { ...term, matchExpressions: [...(term.matchExpressions ?? []), expression] },
        ),
  );
}

/**
 * The affinity without the expression: the very same where it is not in it, undefined where
 * nothing else was.
 */
export function allowKiamOnly(affinity: V1Affinity | undefined): V1Affinity | undefined {
  const terms = termsOf(affinity);
  if (affinity === undefined || !terms?.some(hasExpression)) return affinity;
  const left = terms.map((term) => (hasExpression(term) ? withoutExpression(term) : term));
  // A term that held nothing else now means every node, and so does the whole requirement.
  const everywhere = left.some((term, index) => term !== terms[index] && matchesNothing(term));
  return everywhere ? withoutRequirement(affinity) : withTerms(affinity, left);
}

/** Whether the affinity keeps pods off every node with the kiam-only label. */
export function avoidsKiamOnly(affinity: V1Affinity | undefined): boolean {
  const terms = termsOf(affinity);
  return terms?.every((term) => matchesNothing(term) || hasExpression(term)) ?? false;
}

function termsOf(affinity: V1Affinity | undefined): V1NodeSelectorTerm[] | undefined {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

function withTerms(
  affinity: V1Affinity | undefined,
  nodeSelectorTerms: V1NodeSelectorTerm[],
): V1Affinity {
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
    },
  };
}

function withoutExpression(term: V1NodeSelectorTerm): V1NodeSelectorTerm {
  const others = term.matchExpressions?.filter((each) => !isExpression(each)) ?? [];
  const copy = { ...term, matchExpressions: others };
  if (others.length === 0) delete (copy as V1NodeSelectorTerm).matchExpressions;
  return copy;
}

function withoutRequirement(affinity: V1Affinity): V1Affinity | undefined {
  const nodeAffinity = { ...affinity.nodeAffinity };
  delete nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution;
  const copy = { ...affinity, nodeAffinity };
  if (Object.keys(nodeAffinity).length === 0) delete (copy as V1Affinity).nodeAffinity;
  return Object.keys(copy).length === 0 ? undefined : copy;
}

function matchesNothing({ matchExpressions = [], matchFields = [] }: V1NodeSelectorTerm): boolean {
  return matchExpressions.length + matchFields.length === 0;
}

function hasExpression({ matchExpressions = [] }: V1NodeSelectorTerm): boolean {
  return matchExpressions.some(isExpression);
}

function isExpression({ key, operator }: { key: string; operator: string }): boolean {
  return key === expression.key && operator === expression.operator;
}
