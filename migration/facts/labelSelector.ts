import type { V1LabelSelector as LabelSelector } from "@kubernetes/client-node";

/** Whether a selector of Kubernetes picks an object with these labels; an empty one picks all. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => holds(labels[key], operator, values))
  );
}

/**
 * Whether a requirement of a label selector, or of a node affinity (which also has Gt and Lt), holds.
 *
 * @param value of the label; undefined where the object has none
 */
export function holds(
  value: string | undefined,
  operator: string,
  values: readonly string[] = [],
): boolean {
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
}
