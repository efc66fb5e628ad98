import { roleBaseArn } from "./exampleCluster.js";
import type { MockOutputs } from "./mockEngine.js";

const local = "command:local:Command";
const remote = "command:remote:Command";
const daemonSet = "kubernetes:apps/v1:DaemonSet";

/** kube2iam's rule on worker-2. */
export const rule =
  "-A PREROUTING -d 169.254.169.254/32 -i cni0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.12:8181";

/** The host key that the operator's program tells of a worker. */
export const toldHostKey = (worker: string) => `ssh-ed25519 AAAAtold${worker.replace("-", "")}`;

/** What a gate prints. */
function answer(name: string, stdin: unknown): object {
  if (name === "kiam-tls") {
    return {
      ca: "CA",
      server: { certificate: "SC", privateKey: "SK" },
      agent: { certificate: "AC", privateKey: "AK" },
    };
  }
  if (name.endsWith("-cutover-host-key")) {
    return { hostKey: toldHostKey(name.replace("-cutover-host-key", "")) };
  }
  if (!name.endsWith("-cutover-capture")) return { manifest: { kind: "DaemonSet" } };
  const { worker } = JSON.parse(String(stdin)) as { worker: { hostIp: string } };
  return { rules: [{ backend: "nft", spec: rule.replace("10.0.0.12", worker.hostIp) }] };
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
  "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy": () => ({}),
  "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding": () => ({}),
  [daemonSet]: (inputs) => ({ metadata: { ...(inputs.metadata as object), generation: 1 } }),
  [local]: (inputs, name) => ({ stdout: JSON.stringify(answer(name, inputs.stdin)), stderr: "" }),
  [remote]: () => ({ stdout: "", stderr: "" }),
};
