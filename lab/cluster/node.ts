import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Client, credentials } from "@grpc/grpc-js";
import { execa } from "execa";
import type { BuiltImage } from "../images/images.js";
import type { LabPaths } from "../paths.js";
import { kubeconfigOf } from "./control-plane.js";
import { kubeconfig } from "./kubeconfig.js";
import { installMachine, nodeDirectory, onNode, writeOnNode } from "./machine.js";
import { machineInit } from "./processes.js";
import { runIn } from "./namespaces.js";
import * as config from "./node-config.js";
import { issueKubelet } from "./pki.js";
import type { Supervisor } from "./supervisor.js";
import { type ClusterNode, SSH_USER } from "./topology.js";

/** Everything on a node's disk, from its users to its kubelet's identity. */
export async function installNode(
  paths: LabPaths,
  node: ClusterNode,
  pauseImage: string,
): Promise<void> {
  await installMachine(paths, node);
  const ca = await readFile(join(paths.pki, "ca.crt"), "utf8");
  const kubelet = await issueKubelet(paths, node);
  const write = (path: string, content: string, mode?: number) =>
    writeOnNode(paths, node, path, content, mode);
  await write("/etc/containerd/config.toml", config.containerdConfig(pauseImage));
  await hideMachineCni(paths, node);
  await write("/etc/cni/net.d/10-lab.conflist", config.cniConfig(node));
  await write("/etc/kubernetes/pki/ca.crt", ca);
  await write("/etc/kubernetes/pki/kubelet.crt", kubelet.certificate);
  await write("/etc/kubernetes/pki/kubelet.key", kubelet.key, 0o600);
  await write("/etc/kubernetes/kubelet.yaml", config.kubeletConfig());
  await write("/etc/kubernetes/kubelet.kubeconfig", kubeconfig(node.name, ca, kubelet), 0o600);
  await write("/etc/kubernetes/proxy.yaml", config.kubeProxyConfig(node));
  await write("/etc/kubernetes/proxy.kubeconfig", await kubeconfigOf(paths, "proxy"), 0o600);
  await installSshd(paths, node);
}

/** A CNI configuration of the machine itself must not be the node's. */
async function hideMachineCni(paths: LabPaths, node: ClusterNode): Promise<void> {
  const directory = onNode(paths, node, "/etc/cni");
  await mkdir(directory, { recursive: true });
  // This attribute makes an overlay directory hide the one below it.
  await execa("setfattr", ["-n", "trusted.overlay.opaque", "-v", "y", directory]).catch(() => {
    // Without setfattr the machine's files show through; ours sorts first among the usual ones.
  });
}

async function installSshd(paths: LabPaths, node: ClusterNode): Promise<void> {
  await writeOnNode(paths, node, "/etc/ssh/sshd_config", config.sshdConfig(node));
  const authorized = await readFile(`${paths.ssh.key}.pub`, "utf8");
  await writeOnNode(paths, node, `/etc/ssh/authorized_keys/${SSH_USER}`, authorized);
  const key = onNode(paths, node, "/etc/ssh/ssh_host_ed25519_key");
  await rm(key, { force: true });
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", node.name, "-f", key]);
}

/** The node's host key as known_hosts has it: `ssh-ed25519 AAAA…`. */
export async function hostKey(paths: LabPaths, node: ClusterNode): Promise<string> {
  const line = await readFile(
    join(nodeDirectory(paths, node), "etc", "ssh", "ssh_host_ed25519_key.pub"),
    "utf8",
  );
  return line.split(" ").slice(0, 2).join(" ");
}

/** Kernel settings of the node's own network namespace, as any Kubernetes node has them. */
export async function prepareNetwork(node: ClusterNode): Promise<void> {
  await runIn(node.name, "sysctl", [
    "-qw",
    "net.ipv4.ip_forward=1",
    // Without it a pod's answer to another on the same bridge would bypass the Service's NAT.
    "net.bridge.bridge-nf-call-iptables=1",
  ]);
  // The CNI would make it with the first pod, but kube2iam does not start where its interface
  // does not exist, and it is on the host network. On a node in use it is there.
  await runIn(node.name, "ip", ["link", "add", "cni0", "type", "bridge"]);
  await runIn(node.name, "ip", ["link", "set", "cni0", "up"]);
}

/** Starts containerd and sshd. They need no API. */
export function startRuntime(node: ClusterNode, supervisor: Supervisor): void {
  supervisor.start({
    name: `containerd-${node.name}`,
    member: node.name,
    file: "containerd",
    args: ["--log-level", "warn"],
  });
  supervisor.start({
    name: `sshd-${node.name}`,
    member: node.name,
    file: "/usr/sbin/sshd",
    args: ["-D", "-e"],
  });
}

/**
 * Waits until containerd answers as kubelets ask it. Its own client is answered earlier, while it
 * still reads what its disk has of containers; a kubelet that asks then gives up.
 */
export async function waitForRuntime(
  paths: LabPaths,
  node: ClusterNode,
  supervisor: Supervisor,
): Promise<void> {
  const init = machineInit(paths.directory, node.name);
  const client = new Client(
    `unix:/proc/${init?.pid}/root/run/containerd/containerd.sock`,
    credentials.createInsecure(),
    { "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 500 },
  );
  try {
    await supervisor.until(
      async () => {
        await cri(client, "Version");
        return undefined;
      },
      { timeoutMs: 30_000, blame: `containerd-${node.name}` },
    );
  } finally {
    client.close();
  }
}

/** A call of the container runtime interface whose request may be empty; its answer is not read. */
function cri(client: Client, method: string): Promise<void> {
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      `/runtime.v1.RuntimeService/${method}`,
      asIs,
      asIs,
      Buffer.alloc(0),
      (error) => (error === null ? resolve() : reject(error)),
    );
  });
}

/** Hands a node its images; they stay on its disk. */
export async function importImages(
  node: ClusterNode,
  images: readonly BuiltImage[],
): Promise<void> {
  const args = ["--namespace", "k8s.io", "images", "import", "-"];
  for (const { tar, mastersOnly } of images) {
    if (mastersOnly && node.role !== "master") continue;
    await runIn(node.name, "ctr", args, { inputFile: tar });
  }
}

/** Starts kubelet and kube-proxy; the Node object should be there already. */
export function startKubelet(node: ClusterNode, supervisor: Supervisor): void {
  supervisor.start({
    name: `kubelet-${node.name}`,
    member: node.name,
    file: "/run/bin/kubelet",
    args: [
      "--config=/etc/kubernetes/kubelet.yaml",
      "--kubeconfig=/etc/kubernetes/kubelet.kubeconfig",
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
      // Nothing here reads cAdvisor's statistics, and they cost the most of an idle kubelet.
      "--housekeeping-interval=30s",
    ],
  });
  supervisor.start({
    name: `kube-proxy-${node.name}`,
    member: node.name,
    file: "/run/bin/kube-proxy",
    args: ["--config=/etc/kubernetes/proxy.yaml", "-v=1"],
  });
}

/** What a node registers with, beside what every node of its kind has. */
export interface Registration {
  labels?: Record<string, string>;
  taints?: { key: string; value?: string; effect: string }[];
}

/** The Node object as kops would have labelled and tainted it. */
export function nodeManifest(node: ClusterNode, { labels, taints }: Registration = {}): object {
  const master = node.role === "master";
  const allTaints = [
    ...(master ? [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }] : []),
    ...(taints ?? []),
  ];
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: node.name,
      labels: {
        "kubernetes.io/hostname": node.name,
        "kops.k8s.io/instancegroup": master ? "master" : "nodes",
        ...(master
          ? { "node-role.kubernetes.io/control-plane": "", "node-role.kubernetes.io/master": "" }
          : { "node-role.kubernetes.io/node": "" }),
        ...labels,
      },
    },
    spec: {
      podCIDR: node.podCidr,
      podCIDRs: [node.podCidr],
      ...(allTaints.length > 0 ? { taints: allTaints } : {}),
    },
  };
}
