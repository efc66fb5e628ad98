import { roleBaseArn } from "./exampleCluster.js";
import type { MockOutputs } from "./mockEngine.js";

const local = "command:local:Command";
const remote = "command:remote:Command";
const daemonSet = "kubernetes:apps/v1:DaemonSet";

const rule =
  "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.12:8181";

function nodeReport(hostIp: string): string {
  const nat = { nft: [], legacy: [], kube2iam: [], kiam: [], inForce: "kube2iam" };
  const spec = rule.replace("10.0.0.12", hostIp);
  return JSON.stringify({
    version: 1,
    verb: "inspect",
    system: null,
    hostIp,
    bootId: "b",
    outcome: "ok",
    changed: false,
    backends: [],
    before: nat,
    after: nat,
    removed: [],
    inserted: [],
    kube2iamRule: { backend: "nft", spec, source: "live" },
    kube2iamRules: [{ backend: "nft", spec }],
    health: [],
    kube2iamConnections: [],
    closed: [],
    findings: [],
  });
}

/** What the whole migration registers, and what providers answer: every worker has kube2iam's rule. */
export const migrationOutputs: Record<string, MockOutputs> = {
  "pulumi:providers:kubernetes": () => ({}),
  "aws:iam/role:Role": (inputs) => ({ arn: `${roleBaseArn}${String(inputs.name)}` }),
  "aws:iam/rolePolicy:RolePolicy": () => ({}),
  "kubernetes:core/v1:Namespace": () => ({}),
  "kubernetes:core/v1:NamespacePatch": () => ({}),
  "kubernetes:core/v1:NodePatch": () => ({}),
  "kubernetes:core/v1:ConfigMap": () => ({}),
  "kubernetes:core/v1:Service": () => ({}),
  "kubernetes:core/v1:ServiceAccount": () => ({}),
  "kubernetes:core/v1:Secret": () => ({}),
  "kubernetes:cert-manager.io/v1:Certificate": () => ({}),
  "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole": () => ({}),
  "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding": () => ({}),
  "kubernetes:rbac.authorization.k8s.io/v1:Role": () => ({}),
  "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": () => ({}),
  "kubernetes:apps/v1:Deployment": () => ({}),
  [daemonSet]: (inputs) => ({ metadata: { ...(inputs.metadata as object), generation: 1 } }),
  [local]: (_inputs, name) => ({
    stdout:
      name === "kiam-tls"
        ? JSON.stringify({
            ca: "CA",
            server: { certificate: "SC", privateKey: "SK" },
            agent: { certificate: "AC", privateKey: "AK" },
          })
        : JSON.stringify({ manifest: { kind: "DaemonSet" } }),
    stderr: "",
  }),
  [remote]: (inputs) => ({
    stdout: nodeReport((/--host-ip (\S+)/.exec(String(inputs.create)) ?? [])[1] ?? ""),
    stderr: "",
  }),
};
