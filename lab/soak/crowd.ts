/* Pods that come and go by the dozen, each asking for its role from its first moment. */
import type { KubernetesObject, V1DaemonSet } from "@kubernetes/client-node";

import { workloadObjects } from "../workload/applications.js";

/** How many come at once. */
export const crowd = 12;

export const crowdName = { namespace: "batch", name: "batch-crowd" };

/** A Deployment of the client that asks on fresh connections, without pods so far. */
export function crowdObject(): KubernetesObject {
  const { namespace, name } = crowdName;
  const set = workloadObjects({ workers: 1, interval: 1000 }).find(
    ({ kind, metadata }) => kind === "DaemonSet" && metadata?.namespace === namespace,
  ) as V1DaemonSet;
  const template = set.spec?.template;
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace, name, labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { ...template?.metadata, labels },
        spec: {
          ...template?.spec,
          containers: template?.spec?.containers.filter((each) => each.name === "fresh"),
        },
      },
    },
  } as KubernetesObject;
}
