import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabPaths } from "../paths.js";
import { auditFlags, installAuditPolicy } from "./auditLog.js";
import { kubeconfig } from "./kubeconfig.js";
import { onNode } from "./machine.js";
import { type ControlPlaneIdentity } from "./pki.js";
import type { Supervisor } from "./supervisor.js";
import { type ClusterNode, MASTER_ADDRESS, POD_CIDR, SERVICE_CIDR } from "./topology.js";

/** On the master, as everywhere: its part of the PKI. */
const PKI = "/etc/kubernetes/pki";

/**
 * What the lab's workloads, and anybody who tries things in a lab, need. The rest (volumes,
 * certificate signing, autoscaling …) would only cost time on a small machine.
 */
const CONTROLLERS = [
  "serviceaccount-token-controller",
  "serviceaccount-controller",
  "root-ca-certificate-publisher-controller",
  "namespace-controller",
  "garbage-collector-controller",
  "pod-garbage-collector-controller",
  "daemonset-controller",
  "deployment-controller",
  "replicaset-controller",
  "statefulset-controller",
  "job-controller",
  "cronjob-controller",
  "ttl-after-finished-controller",
  "disruption-controller",
  "endpoints-controller",
  "endpointslice-controller",
  "node-lifecycle-controller",
  "taint-eviction-controller",
  "clusterrole-aggregation-controller",
];

/** Puts certificates and kubeconfigs on the master, and those of people in the lab. */
export async function installControlPlane(paths: LabPaths, master: ClusterNode): Promise<void> {
  const target = onNode(paths, master, PKI);
  await mkdir(target, { recursive: true });
  await installAuditPolicy(paths, master);
  const files = ["ca.crt", "apiserver.crt", "apiserver.key", "service-account.key"].concat([
    "service-account.pub",
    "apiserver-kubelet-client.crt",
    "apiserver-kubelet-client.key",
  ]);
  await Promise.all(files.map((file) => copyFile(join(paths.pki, file), join(target, file))));
  for (const name of ["controller-manager", "scheduler"] as const) {
    const config = await kubeconfigOf(paths, name);
    await writeFile(join(target, "..", `${name}.kubeconfig`), config, { mode: 0o600 });
  }
  for (const [file, name] of [
    [paths.kubeconfig, "admin"],
    [paths.operatorKubeconfig, "operator"],
  ] as const) {
    await writeFile(file, await kubeconfigOf(paths, name), { mode: 0o600 });
  }
}

/** A kubeconfig for one of the identities that the PKI holds. */
export async function kubeconfigOf(paths: LabPaths, name: ControlPlaneIdentity): Promise<string> {
  const read = (file: string) => readFile(join(paths.pki, file), "utf8");
  return kubeconfig(name, await read("ca.crt"), {
    certificate: await read(`${name}.crt`),
    key: await read(`${name}.key`),
  });
}

/** Starts etcd and the API server; the others wait until the API answers. */
export function startApi(master: ClusterNode, supervisor: Supervisor): void {
  const member = master.name;
  supervisor.start({
    name: "etcd",
    member,
    file: "/run/bin/etcd",
    args: [
      "--data-dir=/var/lib/etcd",
      "--listen-client-urls=http://127.0.0.1:2379",
      "--advertise-client-urls=http://127.0.0.1:2379",
      "--listen-peer-urls=http://127.0.0.1:2380",
      // The data of a lab need not survive a crash of the machine.
      "--unsafe-no-fsync",
      "--log-level=warn",
    ],
  });
  supervisor.start({
    name: "kube-apiserver",
    member,
    file: "/run/bin/kube-apiserver",
    args: [
      "--etcd-servers=http://127.0.0.1:2379",
      `--advertise-address=${MASTER_ADDRESS}`,
      "--secure-port=6443",
      `--service-cluster-ip-range=${SERVICE_CIDR}`,
      "--authorization-mode=Node,RBAC",
      "--enable-admission-plugins=NodeRestriction",
      "--allow-privileged",
      `--client-ca-file=${PKI}/ca.crt`,
      `--tls-cert-file=${PKI}/apiserver.crt`,
      `--tls-private-key-file=${PKI}/apiserver.key`,
      `--kubelet-certificate-authority=${PKI}/ca.crt`,
      `--kubelet-client-certificate=${PKI}/apiserver-kubelet-client.crt`,
      `--kubelet-client-key=${PKI}/apiserver-kubelet-client.key`,
      "--kubelet-preferred-address-types=InternalIP",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${PKI}/service-account.pub`,
      `--service-account-signing-key-file=${PKI}/service-account.key`,
      "--profiling=false",
      ...auditFlags,
    ],
  });
}

/** Starts what works through the API. */
export function startControllers(master: ClusterNode, supervisor: Supervisor): void {
  const member = master.name;
  supervisor.start({
    name: "kube-controller-manager",
    member,
    file: "/run/bin/kube-controller-manager",
    args: [
      "--kubeconfig=/etc/kubernetes/controller-manager.kubeconfig",
      "--use-service-account-credentials",
      `--service-account-private-key-file=${PKI}/service-account.key`,
      `--root-ca-file=${PKI}/ca.crt`,
      `--cluster-cidr=${POD_CIDR}`,
      "--allocate-node-cidrs=false",
      `--controllers=${CONTROLLERS.join(",")}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      "--profiling=false",
    ],
  });
  supervisor.start({
    name: "kube-scheduler",
    member,
    file: "/run/bin/kube-scheduler",
    args: [
      "--kubeconfig=/etc/kubernetes/scheduler.kubeconfig",
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      "--profiling=false",
    ],
  });
}
