/** kube2iam as production runs it before the migration. */
import type { KubeConfig, KubernetesObject } from "@kubernetes/client-node";
import { AWS_REGION } from "../aws/command.js";
import { applyObjects, waitForDaemonSets } from "./apply.js";
import { account } from "./roles.js";

export interface Kube2iamOptions {
  /** Number of workers that have to run it. */
  workers: number;
  image?: string;
  hostInterface?: string;
  /** Of its pods; none, so that it runs on workers only, is the default. */
  tolerations?: { key: string; operator: "Exists" }[];
  /** Milliseconds until every worker has to run it; default two minutes. */
  timeout?: number;
}

export const kube2iamName = { namespace: "kube-system", name: "kube2iam" };

/**
 * ServiceAccount, ClusterRole with its binding, and the DaemonSet, after the upstream chart.
 * No tolerations but those asked for: workers only. The node's CA directory is mounted because STS presents a
 * certificate of the lab's own CA.
 */
export function kube2iamObjects(options: Kube2iamOptions): KubernetesObject[] {
  const { namespace, name } = kube2iamName;
  const labels = { "app.kubernetes.io/name": name };
  const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace, name, labels } },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name, labels },
      rules: [
        { apiGroups: [""], resources: ["namespaces", "pods"], verbs: ["get", "list", "watch"] },
      ],
    } as KubernetesObject,
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name, labels },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    } as KubernetesObject,
    {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { namespace, name, labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: name,
            hostNetwork: true,
            ...(options.tolerations === undefined ? {} : { tolerations: options.tolerations }),
            containers: [
              {
                name,
                image: options.image ?? "docker.io/jtblin/kube2iam:0.15.0",
                imagePullPolicy: "IfNotPresent",
                args: [
                  "--app-port=8181",
                  `--base-role-arn=arn:aws:iam::${account}:role/`,
                  `--host-interface=${options.hostInterface ?? "cni0"}`,
                  "--host-ip=$(HOST_IP)",
                  "--node=$(NODE_NAME)",
                  "--iptables=true",
                  "--use-regional-sts-endpoint",
                ],
                env: [
                  { name: "HOST_IP", ...field("status.podIP") },
                  { name: "NODE_NAME", ...field("spec.nodeName") },
                  { name: "AWS_REGION", value: AWS_REGION },
                ],
                ports: [{ name: "http", containerPort: 8181 }],
                securityContext: { privileged: true },
                readinessProbe: {
                  httpGet: { path: "/healthz", port: 8181 },
                  periodSeconds: 2,
                  timeoutSeconds: 5,
                },
                volumeMounts: [{ name: "ssl-certs", mountPath: "/etc/ssl/certs", readOnly: true }],
              },
            ],
            volumes: [{ name: "ssl-certs", hostPath: { path: "/etc/ssl/certs" } }],
          },
        },
      },
    } as KubernetesObject,
  ];
}

/** Applies kube2iam and waits until it is ready on every worker. */
export async function deployKube2iam(kube: KubeConfig, options: Kube2iamOptions): Promise<void> {
  await applyObjects(kube, kube2iamObjects(options));
  await waitForDaemonSets(kube, [kube2iamName], options.workers, options.timeout ?? 120_000);
}
