/* Objects for tests on the embedded cluster, and what makes them; in the operator's network. */
import type { IAMClient } from "@aws-sdk/client-iam";
import type { KubernetesObject } from "@kubernetes/client-node";

import { adminIam } from "../../lab/aws/admin.js";
import type { Cluster } from "../../lab/cluster/cluster.js";
import { openCluster } from "../../lab/cluster/start.js";
import { IMAGE_TAGS } from "../../lab/images/tags.js";
import { permittedAnnotation } from "../../migration/kiam/permitted.js";

/** The lab, and its IAM as admin. */
export async function openLab(): Promise<{ cluster: Cluster; iam: IAMClient }> {
  const cluster = await openCluster();
  return { cluster, iam: await adminIam(cluster.paths) };
}

export async function waitReady(cluster: Cluster, namespaces: readonly string[]): Promise<void> {
  const ready = ["pod", "--all", "--for=condition=Ready", "--timeout=120s"];
  for (const namespace of namespaces) await cluster.kubectl(["wait", "-n", namespace, ...ready]);
}

export function namespaceObject(name: string, permitted?: string): KubernetesObject {
  const annotations = permitted === undefined ? undefined : { [permittedAnnotation]: permitted };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, annotations } };
}

export interface PodChange {
  annotations?: Record<string, string>;
  hostNetwork?: boolean;
  node?: string;
  port?: number;
}

/** A pod that runs a script and is ready once it says so. */
export function pod(namespace: string, name: string, script: string, change: PodChange = {}) {
  const { annotations, hostNetwork, node, port } = change;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, annotations },
    spec: {
      hostNetwork,
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "main",
          image: IMAGE_TAGS.kiam,
          imagePullPolicy: "IfNotPresent",
          command: ["sh", "-c", `${script}; touch /tmp/ready; sleep 86400`],
          ports: port === undefined ? undefined : [{ containerPort: port }],
          readinessProbe: { exec: { command: ["test", "-f", "/tmp/ready"] }, periodSeconds: 1 },
        },
      ],
    },
  } as KubernetesObject;
}
