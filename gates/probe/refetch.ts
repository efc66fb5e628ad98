import type { V1Pod } from "@kubernetes/client-node";
import pMap from "p-map";

import { roleAnnotation } from "../../migration/kiam/permitted.js";
import { withCleanup } from "../protocol/cleanup.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import { nameOf } from "../../cluster/kubernetes/objects.js";
import { managedBy } from "./probePod.js";

/** No scheduler answers to it, so that the pod exists and never runs. */
const noScheduler = "kube2iam-to-kiam-none";

/**
 * Makes kiam's servers fetch roles again. They do so by themselves only when a pod appears (or an
 * agent asks), so an error of their start stands in the log for good, its cause mended or not.
 *
 * A pod appears for each role, and goes again; it is never scheduled, and no image is pulled.
 *
 * @see kiam pkg/k8s/pod_cache.go (OnAdd announces, OnUpdate does not)
 */
export async function askToFetch(
  cluster: Cluster,
  namespace: string,
  image: string,
  roles: readonly string[],
): Promise<void> {
  await pMap(
    roles,
    async (role) => {
      const pod = await cluster.createPod(namespace, fetchPod(image, role));
      await withCleanup(
        () => cluster.deletePod(nameOf(pod), 0),
        () => Promise.resolve(),
      );
    },
    { concurrency: 5 },
  );
}

function fetchPod(image: string, role: string): V1Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: "fetch-role-",
      labels: managedBy,
      annotations: { [roleAnnotation]: role },
    },
    spec: {
      schedulerName: noScheduler,
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65534,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "never-runs",
          image,
          imagePullPolicy: "IfNotPresent",
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
}
