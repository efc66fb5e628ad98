import type { V1LabelSelector, V1Node, V1Pod } from "@kubernetes/client-node";

/** The namespace and name of an object. */
export interface ObjectName {
  namespace: string;
  name: string;
}

/** Namespace and name of an object of the client. */
export function nameOf(object: { metadata?: { namespace?: string; name?: string } }): ObjectName {
  return { namespace: object.metadata?.namespace ?? "", name: object.metadata?.name ?? "" };
}

/** Whether a pod runs, is ready, and is to stay. */
export function isReady({ metadata, status }: V1Pod): boolean {
  return (
    metadata?.deletionTimestamp === undefined && status?.phase === "Running" && saysReady(status)
  );
}

/** Whether the kubelet of a node, or that of a pod, says that it is ready. */
export function saysReady(status?: { conditions?: { type: string; status: string }[] }): boolean {
  return (
    status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") ?? false
  );
}

/** A label selector as list calls take it. */
export function selectorText({
  matchLabels = {},
  matchExpressions = [],
}: V1LabelSelector = {}): string {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    switch (operator) {
      case "Exists":
        return key;
      case "DoesNotExist":
        return `!${key}`;
      default:
        return `${key} ${operator.toLowerCase()} (${values.join(",")})`;
    }
  });
  return [
    ...Object.entries(matchLabels).map(([label, value]) => `${label}=${value}`),
    ...expressions,
  ].join(",");
}

/** Pod, with the node it is on, for messages. */
export function describePod(pod: V1Pod): string {
  const { namespace, name } = nameOf(pod);
  return `pod ${namespace}/${name}${pod.spec?.nodeName ? ` on ${pod.spec.nodeName}` : ""}`;
}

/** An object as messages name it. */
export function pathOf({ namespace, name }: { namespace?: string; name: string }): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/**
 * A Node on which neither a kubelet nor a cloud controller has ever reported: no machine has joined
 * by that name, and no pod can run there. It does not count as a node.
 */
export function isEmptyNode({ metadata, spec, status }: V1Node): boolean {
  const { bootID, kubeletVersion } = status?.nodeInfo ?? {};
  const reported = Boolean(bootID || kubeletVersion) || (status?.addresses ?? []).length > 0;
  // Karpenter once made Nodes before their machines came up; those had both.
  const expected = Boolean(spec?.providerID) || (metadata?.finalizers ?? []).length > 0;
  return !reported && !expected;
}
