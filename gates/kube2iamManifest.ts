import type { V1Container, V1DaemonSet, V1LifecycleHandler } from "@kubernetes/client-node";

/** Annotations that controllers and clients keep for themselves. */
const kept = new Set([
  "deprecated.daemonset.template.generation",
  "kubectl.kubernetes.io/last-applied-configuration",
]);

/**
 * A live DaemonSet as it could be created again: without what the server and controllers set.
 * Plain JSON, as it goes into the stack's state.
 */
export function applicableManifest(live: V1DaemonSet): Record<string, unknown> {
  const { name, namespace, labels, annotations } = live.metadata ?? {};
  const own = Object.entries(annotations ?? {}).filter(([annotation]) => !kept.has(annotation));
  const manifest = {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(own.length === 0 ? {} : { annotations: Object.fromEntries(own) }),
    },
    spec: live.spec,
  };
  // Dates become text and undefined members vanish, as in any manifest.
  const plain = JSON.parse(JSON.stringify(manifest)) as typeof manifest;
  const template = plain.spec?.template.metadata as Record<string, unknown> | undefined;
  if (template?.creationTimestamp === null) delete template.creationTimestamp;
  return plain;
}

/** A preStop hook that cannot be seen to be harmless, as text; undefined where there is none. */
export function dangerousPreStop(daemonSet: V1DaemonSet): string | undefined {
  const containers = daemonSet.spec?.template.spec?.containers ?? [];
  const hook = containers.map((container) => container.lifecycle?.preStop).find(isDangerous);
  return hook?.exec?.command?.join(" ");
}

/**
 * kube2iam's own advice is a hook that deletes every nat rule for 169.254.169.254, kiam's
 * included. What a hook runs cannot be seen through, so only plain waiting counts as harmless.
 */
function isDangerous(hook: V1LifecycleHandler | undefined): boolean {
  const command = hook?.exec?.command;
  if (command === undefined) return false;
  return !/^((\/\S*\/)?sh -c )?(\/\S*\/)?sleep [0-9.]+[smh]?$/.test(command.join(" "));
}

/** Whether kube2iam inserts its rule by itself when it starts (--iptables). */
export function insertsItsRule(daemonSet: V1DaemonSet): boolean {
  const containers: V1Container[] = daemonSet.spec?.template.spec?.containers ?? [];
  const words = containers.flatMap((each) => [...(each.command ?? []), ...(each.args ?? [])]);
  return words.some((word) => /^--iptables(=(true|1|t|T|TRUE|True))?$/.test(word));
}
