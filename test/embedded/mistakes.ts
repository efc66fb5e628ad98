/*
 * Mistakes that people make before a migration, made on the embedded cluster for real. Called in
 * the operator's network (lab/inOperatorNetwork.ts).
 */
import {
  DeleteRolePolicyCommand,
  GetRolePolicyCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
  type IAMClient,
} from "@aws-sdk/client-iam";
import type { KubernetesObject } from "@kubernetes/client-node";

import { issueCertificates } from "../../gates/kiam/issueCertificates.js";
import type { Cluster } from "../../lab/cluster/cluster.js";
import { adminKube } from "../../lab/cluster/adminKube.js";
import { applyObjects } from "../../lab/workload/apply.js";
import { nodeRoles, roleArn } from "../../lab/workload/roles.js";
import { permittedAnnotation, roleAnnotation } from "../../migration/kiam/permitted.js";
import { namespaceObject, openLab, pod, waitReady } from "./objects.js";
import type { SettingsInput } from "../../migration/settings/schema.js";

/** Settings of a test, laid over the lab's own, section by section. */
export type Change = { [Section in keyof SettingsInput]?: Partial<SettingsInput[Section]> };

/** Settings with mistakes in them: kiam's server, namespaces, and the host key of worker-2. */
export function mistakenSettings(hostKeyOfOther: string): Change {
  return {
    kiam: { serverTolerations: [], caHostPath: "/etc/pki/ca-trust/extracted/pem" },
    namespaces: {
      orders: { permitted: ".*" },
      payments: { permitted: roleArn({ path: "/teams/payments/", name: "app-payments" }) },
      reports: { permitted: roleArn({ name: "app-reports" }) },
    },
    ssh: { hostKeys: { "worker-2": hostKeyOfOther } },
  };
}

/**
 * Settings for {@link mendMistakes}. What a pod has asked for stays in kube2iam's log for a while, so
 * it is allowed, as the finding says.
 */
export const mendedSettings: Change = {
  kiam: { extraArgs: { agent: ["--allow-route-regexp=^/latest/meta-data/hostname$"] } },
};

/** What `mistakenSettings` and `makeMistakes` are found as, by code and object. */
export const foundMistakes = [
  "blocks agent-port-in-use pod/squatters/squatter",
  "blocks ca-path-wrong node/master-1",
  "blocks certificate-expires secret/kiam/kiam-server-tls",
  "blocks host-key-changed node/worker-2",
  "blocks masters-may-not-assume-server role/arn:aws:iam::123456789012:role/kiam-server",
  "blocks metadata-path-refused namespace/curious",
  "blocks network-policy-blocks-agent namespace/kiam",
  "blocks pod-security-rejects-kiam namespace/kiam",
  "blocks role-missing role/arn:aws:iam::123456789012:role/app-ghost",
  "blocks role-not-permitted namespace/batch",
  "blocks role-trusts-only-workers role/arn:aws:iam::123456789012:role/app-orders",
  "blocks taint-not-tolerated node/master-1",
  "warns host-network-pod-with-role namespace/reports",
  "warns permitted-too-wide namespace/orders",
] as const;

const namespaces = ["ghosts", "squatters", "curious"];

const objects: KubernetesObject[] = [
  ...namespaces.map((name) => namespaceObject(name, roleArn({ name: "app-ghost" }))),
  pod("ghosts", "ghost", "true", { annotations: { [roleAnnotation]: "app-ghost" } }),
  pod("reports", "on-the-host", "true", {
    annotations: { [roleAnnotation]: "app-reports" },
    hostNetwork: true,
  }),
  pod("squatters", "squatter", "true", { hostNetwork: true, node: "worker-1", port: 8881 }),
  pod(
    "curious",
    "curious",
    "wget -q -O /dev/null http://169.254.169.254/latest/meta-data/hostname",
  ),
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { namespace: "kiam", name: "deny-all" },
    spec: { podSelector: {}, policyTypes: ["Ingress"] },
  } as KubernetesObject,
];

const enforce = "pod-security.kubernetes.io/enforce";
const mastersPolicy = { RoleName: nodeRoles.masters, PolicyName: "assume-kiam-server" };
const secretName = ["-n", "kiam", "secret", "kiam-server-tls"];

/** What was there before, for {@link mendMistakes}. */
export interface Former {
  mastersPolicy: string;
  certificate: string;
  podSecurity: string;
}

export async function makeMistakes(): Promise<Former> {
  const { cluster, iam } = await openLab();
  const { PolicyDocument = "" } = await iam.send(new GetRolePolicyCommand(mastersPolicy));
  const former: Former = {
    mastersPolicy: decodeURIComponent(PolicyDocument),
    certificate: await cluster.kubectl(["get", ...secretName, "-o", "jsonpath={.data.tls\\.crt}"]),
    podSecurity: await cluster.kubectl([
      "get",
      "namespace",
      "kiam",
      "-o",
      `jsonpath={.metadata.labels.${enforce.replaceAll(".", "\\.")}}`,
    ]),
  };
  await applyObjects(await adminKube(cluster.paths), objects);
  await waitReady(cluster, [...namespaces, "reports"]);
  await label(cluster, "baseline");
  await permit(cluster, "batch", roleArn({ name: "app-orders" }));
  await putCertificate(cluster, await expired());
  await iam.send(new DeleteRolePolicyCommand(mastersPolicy));
  await trustOnly(iam, "app-orders", [nodeRoles.workers]);
  return former;
}

export async function mendMistakes(former: Former): Promise<void> {
  const { cluster, iam } = await openLab();
  await cluster.kubectl(["delete", "namespace", ...namespaces]);
  await cluster.kubectl(["delete", "-n", "reports", "pod", "on-the-host"]);
  await cluster.kubectl(["delete", "-n", "kiam", "networkpolicy", "deny-all"]);
  await label(cluster, former.podSecurity);
  await permit(cluster, "batch", roleArn({ name: "app-batch" }));
  await putCertificate(cluster, former.certificate);
  await iam.send(
    new PutRolePolicyCommand({ ...mastersPolicy, PolicyDocument: former.mastersPolicy }),
  );
  await trustOnly(iam, "app-orders", [nodeRoles.workers, "kiam-server"]);
}

async function label(cluster: Cluster, value: string): Promise<void> {
  const set = value === "" ? `${enforce}-` : `${enforce}=${value}`;
  await cluster.kubectl(["label", "--overwrite", "namespace", "kiam", set]);
}

async function permit(cluster: Cluster, namespace: string, expression: string): Promise<void> {
  await cluster.kubectl([
    "annotate",
    "--overwrite",
    "namespace",
    namespace,
    `${permittedAnnotation}=${expression}`,
  ]);
}

async function expired(): Promise<string> {
  const { server } = await issueCertificates({
    validityDays: 0,
    serverNames: ["kiam-server"],
    ipAddresses: [],
  });
  return Buffer.from(server.certificate).toString("base64");
}

async function putCertificate(cluster: Cluster, certificate: string): Promise<void> {
  const patch = JSON.stringify({ data: { "tls.crt": certificate } });
  await cluster.kubectl(["patch", ...secretName, "--type=merge", "-p", patch]);
}

async function trustOnly(iam: IAMClient, role: string, principals: string[]): Promise<void> {
  const PolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: principals.map((name) => ({
      Effect: "Allow",
      Principal: { AWS: roleArn({ name }) },
      Action: "sts:AssumeRole",
    })),
  });
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: role, PolicyDocument }));
}
