import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import {
  ownedLabel,
  ownedValue,
  recordKey,
  recordName,
} from "../../migration/facts/clusterFacts.js";
import type { RecordedKube2iam } from "../../migration/facts/clusterValues.js";
import { exactly, permittedAnnotation } from "../../migration/kiam/permitted.js";
import type { Settings } from "../../migration/settings/schema.js";
import { agentLabels, kiamNames, serverLabels } from "../../migration/kiam/names.js";

export interface KiamFoundationArgs {
  kiam: Settings["kiam"];
  /** What is to outlive kube2iam's DaemonSet; see migration/facts/clusterValues.ts. */
  record: RecordedKube2iam;
  /** ARN of the role that probe pods in kiam's namespace use; unset where they run elsewhere. */
  probeRoleArn: string | undefined;
}

/**
 * What kiam needs before its first pod: namespace, service accounts, the server's RBAC (it
 * watches pods and namespaces and writes events), the headless Service by which agents find the
 * servers, and the record of what was learnt from kube2iam.
 */
export class KiamFoundation extends pulumi.ComponentResource {
  readonly namespace: k8s.core.v1.Namespace;

  constructor(name: string, args: KiamFoundationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:KiamFoundation", name, {}, opts);
    const { kiam } = args;
    this.namespace = new k8s.core.v1.Namespace(
      name,
      {
        metadata: {
          name: kiam.namespace,
          labels: {
            [ownedLabel]: ownedValue,
            // The agent needs the host's network and NET_ADMIN.
            "pod-security.kubernetes.io/enforce": "privileged",
          },
          annotations: probePermission(args.probeRoleArn),
        },
      },
      { parent: this },
    );
    const inNamespace = { parent: this, dependsOn: [this.namespace] };
    new k8s.core.v1.ConfigMap(
      `${name}-record`,
      {
        metadata: { name: recordName, namespace: kiam.namespace },
        data: { [recordKey]: JSON.stringify(args.record) },
      },
      inNamespace,
    );
    new k8s.core.v1.ServiceAccount(
      `${name}-agent`,
      {
        metadata: { name: kiamNames.agent, namespace: kiam.namespace, labels: agentLabels },
        automountServiceAccountToken: false,
      },
      inNamespace,
    );
    const account = new k8s.core.v1.ServiceAccount(
      `${name}-server`,
      { metadata: { name: kiamNames.server, namespace: kiam.namespace, labels: serverLabels } },
      inNamespace,
    );
    const role = new k8s.rbac.v1.ClusterRole(
      `${name}-server`,
      {
        metadata: { name: kiamNames.server, labels: serverLabels },
        rules: [
          { apiGroups: [""], resources: ["namespaces", "pods"], verbs: ["watch", "get", "list"] },
          { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
        ],
      },
      { parent: this },
    );
    new k8s.rbac.v1.ClusterRoleBinding(
      `${name}-server`,
      {
        metadata: { name: kiamNames.server, labels: serverLabels },
        roleRef: {
          apiGroup: "rbac.authorization.k8s.io",
          kind: "ClusterRole",
          name: kiamNames.server,
        },
        subjects: [{ kind: "ServiceAccount", name: kiamNames.server, namespace: kiam.namespace }],
      },
      { parent: this, dependsOn: [account, role] },
    );
    new k8s.core.v1.Service(
      `${name}-server`,
      {
        metadata: {
          name: kiamNames.server,
          namespace: kiam.namespace,
          labels: serverLabels,
          // There are no servers to wait for before stage server.
          annotations: { "pulumi.com/skipAwait": "true" },
        },
        spec: {
          clusterIP: "None",
          selector: serverLabels,
          ports: [
            { name: "grpc", port: kiam.serverPort, targetPort: kiam.serverPort, protocol: "TCP" },
          ],
        },
      },
      inNamespace,
    );
    this.registerOutputs({ namespace: this.namespace.metadata.name });
  }
}

/** Lets the probe pods have their role from kiam, and from kube2iam where it restricts namespaces. */
function probePermission(roleArn: string | undefined): Record<string, string> | undefined {
  if (roleArn === undefined) return undefined;
  return {
    [permittedAnnotation]: exactly(roleArn),
    "iam.amazonaws.com/allowed-roles": JSON.stringify([roleArn]),
  };
}
