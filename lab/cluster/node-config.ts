import { stringify } from "yaml";
import { CLUSTER_DOMAIN, type ClusterNode, DNS_ADDRESS, POD_CIDR, SSH_USER } from "./topology.js";

const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

/** containerd 1.6 and later (configuration version 2). */
export function containerdConfig(pauseImage: string): string {
  return `version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE, as in many virtual machines and containers, a process may not
  # lower its OOM score: runc would fail.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
`;
}

/** The bridge cni0 with addresses of the node's own range. */
export function cniConfig(node: ClusterNode): string {
  const bridge = {
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    // What leaves the node carries the node's address: instance metadata knows it by that.
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: "host-local",
      // Forgotten at a reboot, as the pods are.
      dataDir: "/run/cni/ipam",
      ranges: [[{ subnet: node.podCidr }]],
      routes: [{ dst: "0.0.0.0/0" }],
    },
  };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  return JSON.stringify({ cniVersion: "0.4.0", name: "lab", plugins: [bridge, portmap] }, null, 2);
}

/** Kubernetes 1.34 kubelet, also on machines with control groups v1 or hybrid. */
export function kubeletConfig(): string {
  return stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: "/etc/kubernetes/pki/ca.crt" },
    },
    // Only the API server has a certificate that gets this far.
    authorization: { mode: "AlwaysAllow" },
    tlsCertFile: "/etc/kubernetes/pki/kubelet.crt",
    tlsPrivateKeyFile: "/etc/kubernetes/pki/kubelet.key",
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    cgroupDriver: "cgroupfs",
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: CLUSTER_DOMAIN,
    resolvConf: "/etc/resolv.conf",
    maxPods: 200,
    // All nodes share the machine's disk and memory: none may evict because of the others.
    imageGCHighThresholdPercent: 100,
    evictionHard: {
      "nodefs.available": "1%",
      "imagefs.available": "1%",
      "memory.available": "50Mi",
    },
    serializeImagePulls: false,
    shutdownGracePeriod: "0s",
    volumeStatsAggPeriod: "-1s",
    logging: { verbosity: 1 },
  });
}

export function kubeProxyConfig(node: ClusterNode): string {
  return stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig: "/etc/kubernetes/proxy.kubeconfig" },
    hostnameOverride: node.name,
    mode: "iptables",
    clusterCIDR: POD_CIDR,
    bindAddress: "0.0.0.0",
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
    iptables: { minSyncPeriod: "1s", syncPeriod: "5m" },
    // The machine's conntrack limits are not a network namespace's to set.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  });
}

/** Key only, no root, no environment from the client, as a hardened server has it. */
export function sshdConfig(node: ClusterNode): string {
  return `ListenAddress ${node.address}:22
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile none
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
AuthenticationMethods publickey
AuthorizedKeysFile /etc/ssh/authorized_keys/%u
AllowUsers ${SSH_USER}
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
MaxStartups 100
`;
}
