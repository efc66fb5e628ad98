import type { KubernetesObject, V1DaemonSet } from "@kubernetes/client-node";

import type { Manifest } from "../protocol/inputs.js";

/** Annotations that controllers and clients keep for themselves. */
const kept = new Set([
  "deprecated.daemonset.template.generation",
  "kubectl.kubernetes.io/last-applied-configuration",
]);

/**
 * A live object as it could be created again: its labels, annotations and `members`, without what
 * the server and controllers set. Plain JSON, as it goes into the stack's state.
 */
export function applicableManifest<T extends KubernetesObject>(
  live: T,
  members: readonly (keyof T & string)[],
): Manifest {
  const { name, namespace, labels, annotations } = live.metadata ?? {};
  const own = Object.entries(annotations ?? {}).filter(([annotation]) => !kept.has(annotation));
  const manifest = {
    apiVersion: live.apiVersion,
    kind: live.kind,
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(own.length === 0 ? {} : { annotations: Object.fromEntries(own) }),
    },
    ...Object.fromEntries(members.map((member) => [member, live[member]])),
  };
  // Dates become text and undefined members vanish, as in any manifest.
  const plain = JSON.parse(JSON.stringify(manifest)) as Manifest;
  const { spec } = plain as { spec?: V1DaemonSet["spec"] };
  const template = spec?.template.metadata as Record<string, unknown> | undefined;
  if (template?.creationTimestamp === null) delete template.creationTimestamp;
  return plain;
}
