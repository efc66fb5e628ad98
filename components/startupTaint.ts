import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { agentNotReadyTaint } from "../migration/clusterFacts.js";
import type { Settings } from "../migration/settings.js";
import { agentLabels, kiamNames, startupTaintLabels } from "../migration/kiamNames.js";
import { serverPlacement } from "./kiamServer.js";

export interface StartupTaintArgs {
  kiam: Settings["kiam"];
  /** Image with a POSIX shell and kubectl. */
  kubectlImage: string;
}

/**
 * A small Deployment beside kiam's server that takes the startup taint off each node once kiam's
 * agent is ready there. It counts as there only when it can read nodes and pods.
 *
 * It may change any node: Kubernetes has no permission for taints alone. Pods it may only read,
 * and only in kiam's namespace.
 */
export class StartupTaint extends pulumi.ComponentResource {
  constructor(name: string, args: StartupTaintArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:StartupTaint", name, {}, opts);
    const { kiam } = args;
    const metadata = {
      name: kiamNames.startupTaint,
      namespace: kiam.namespace,
      labels: startupTaintLabels,
    };
    const parent = { parent: this };
    const account = new k8s.core.v1.ServiceAccount(name, { metadata }, parent);
    const permissions = this.permissions(name, metadata);
    const text = scriptText();
    const script = new k8s.core.v1.ConfigMap(
      name,
      { metadata, data: { [scriptName]: text } },
      parent,
    );
    new k8s.apps.v1.Deployment(
      name,
      {
        metadata,
        spec: {
          replicas: 1,
          selector: { matchLabels: startupTaintLabels },
          template: {
            metadata: {
              labels: startupTaintLabels,
              // A mounted ConfigMap changes under a shell that has read half of it.
              annotations: { "kube2iam-to-kiam/script": hash(text) },
            },
            spec: podSpec(args),
          },
        },
      },
      { parent: this, dependsOn: [account, script, ...permissions] },
    );
    this.registerOutputs({});
  }

  private permissions(
    name: string,
    metadata: { name: string; namespace: string; labels: Record<string, string> },
  ): pulumi.Resource[] {
    const { namespace, ...clusterWide } = metadata;
    const parent = { parent: this };
    const apiGroup = "rbac.authorization.k8s.io";
    const subjects = [{ kind: "ServiceAccount", name: metadata.name, namespace }];
    return [
      new k8s.rbac.v1.ClusterRole(
        name,
        {
          metadata: clusterWide,
          rules: [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "patch"] }],
        },
        parent,
      ),
      new k8s.rbac.v1.ClusterRoleBinding(
        name,
        {
          metadata: clusterWide,
          roleRef: { apiGroup, kind: "ClusterRole", name: metadata.name },
          subjects,
        },
        parent,
      ),
      new k8s.rbac.v1.Role(
        name,
        { metadata, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }] },
        parent,
      ),
      new k8s.rbac.v1.RoleBinding(
        name,
        { metadata, roleRef: { apiGroup, kind: "Role", name: metadata.name }, subjects },
        parent,
      ),
    ];
  }
}

function podSpec({ kiam, kubectlImage }: StartupTaintArgs): k8s.types.input.core.v1.PodSpec {
  const script = (...words: string[]) => ["sh", join(scriptPath, scriptName), ...words];
  const selector = Object.entries(agentLabels)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");
  return {
    serviceAccountName: kiamNames.startupTaint,
    // Without it new nodes take no pods.
    priorityClassName: "system-cluster-critical",
    ...serverPlacement(kiam),
    tolerations: kiam.serverTolerations,
    terminationGracePeriodSeconds: 1,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65534,
      runAsGroup: 65534,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        name: "kubectl",
        image: kubectlImage,
        imagePullPolicy: "IfNotPresent",
        command: script("watch", kiam.namespace, selector, agentNotReadyTaint.key),
        env: [{ name: "HOME", value: statePath }],
        readinessProbe: {
          exec: { command: script("ready") },
          periodSeconds: 3,
          timeoutSeconds: 5,
        },
        livenessProbe: {
          exec: { command: script("alive") },
          initialDelaySeconds: 60,
          periodSeconds: 20,
          timeoutSeconds: 5,
        },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
        volumeMounts: [
          { name: "script", mountPath: scriptPath, readOnly: true },
          { name: "state", mountPath: statePath },
        ],
      },
    ],
    volumes: [
      { name: "script", configMap: { name: kiamNames.startupTaint } },
      { name: "state", emptyDir: { medium: "Memory", sizeLimit: "32Mi" } },
    ],
  };
}

const scriptName = "clearStartupTaint.sh";
const scriptPath = "/etc/startup-taint";
const statePath = "/run/startup-taint";

function scriptText(): string {
  return readFileSync(join(__dirname, "newNodes", scriptName), "utf8");
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
