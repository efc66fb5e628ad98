import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { agentNotReadyTaint } from "../../migration/facts/clusterFacts.js";
import type { Settings } from "../../migration/settings/schema.js";
import { agentLabels, kiamNames, startupTaintLabels } from "../../migration/kiam/names.js";
import { serverPlacement } from "../server/kiamServer.js";

export interface StartupTaintArgs {
  kiam: Settings["kiam"];
  /** Image with a POSIX shell and kubectl. */
  kubectlImage: string;
  /** Whether the API server has ValidatingAdmissionPolicies, Kubernetes 1.30 and later. */
  admissionPolicies: boolean;
}

/**
 * A small Deployment beside kiam's server that takes the startup taint off each node once kiam's
 * agent is ready there. It counts as there only when it can read nodes and pods.
 *
 * Its permission is to patch nodes: Kubernetes has none for taints alone. A ValidatingAdmissionPolicy
 * refuses it everything but taking that taint off, so that an attacker with the account can neither
 * cordon nodes nor forge what the migration trusts about them. Where the API server has no
 * such policies the audit has asked (startup-taint-unconfined). Pods it may only read, and only in
 * kiam's namespace.
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
    const confinement = args.admissionPolicies ? this.confinement(name, metadata) : [];
    const permissions = this.permissions(name, metadata, confinement);
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

  private confinement(name: string, { namespace, ...metadata }: Metadata): pulumi.Resource[] {
    const parent = { parent: this };
    const policy = new k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
      name,
      { metadata, spec: taintOnly(namespace) },
      parent,
    );
    const binding = new k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
      name,
      { metadata, spec: { policyName: metadata.name, validationActions: ["Deny"] } },
      { parent: this, dependsOn: [policy] },
    );
    return [binding];
  }

  private permissions(
    name: string,
    metadata: Metadata,
    confinement: pulumi.Resource[],
  ): pulumi.Resource[] {
    const { namespace, ...clusterWide } = metadata;
    // The account has no moment in which it may more.
    const parent = { parent: this, dependsOn: confinement };
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

interface Metadata {
  name: string;
  namespace: string;
  labels: Record<string, string>;
}

/** Refuses that account every change of a node but one: taking away taints with that key. */
function taintOnly(
  namespace: string,
): k8s.types.input.admissionregistration.v1.ValidatingAdmissionPolicySpec {
  const message = `the account ${kiamNames.startupTaint} may take the taint ${agentNotReadyTaint.key} off nodes, and change nothing else`;
  const old = "oldObject.spec.?taints.orValue([])";
  const now = "object.spec.?taints.orValue([])";
  const ours = `t.key == '${agentNotReadyTaint.key}'`;
  const expressions = [
    // What the API server writes by itself at every change.
    unchanged("metadata", "generation", "managedFields", "resourceVersion"),
    unchanged("spec", "taints"),
    `${now}.filter(t, !(${ours})) == ${old}.filter(t, !(${ours}))`,
    `${now}.filter(t, ${ours}).all(t, t in ${old})`,
  ];
  return {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [
        { apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["nodes"] },
      ],
    },
    matchConditions: [
      {
        name: "startup-taint",
        expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:${kiamNames.startupTaint}'`,
      },
    ],
    validations: expressions.map((expression) => ({ expression, message })),
  };
}

/** CEL: that part of the object is as before, but for these fields. */
function unchanged(part: string, ...except: string[]): string {
  const free = `k in [${except.map((field) => `'${field}'`).join(", ")}]`;
  const [old, now] = [`oldObject.${part}`, `object.${part}`];
  return [
    `${now}.all(k, ${free} || (k in ${old} && ${now}[k] == ${old}[k]))`,
    `${old}.all(k, ${free} || k in ${now})`,
  ].join(" && ");
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
  return readFileSync(join(__dirname, scriptName), "utf8");
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
