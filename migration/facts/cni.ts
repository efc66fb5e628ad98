import type { PodFacts } from "./clusterFacts.js";

/** A CNI plugin, and the interface by which its pods' traffic enters their node. */
export interface Cni {
  name: string;
  /** As kiam's --host-interface takes it. */
  interface: string;
}

/** By the name of its DaemonSet's pods; the first that is found, since some are chained onto others. */
const plugins: readonly (Cni & { pods: string })[] = [
  { name: "the AWS VPC CNI", pods: "aws-node-", interface: "eni+" },
  { name: "Cilium", pods: "cilium-", interface: "lxc+" },
  { name: "Calico", pods: "calico-node-", interface: "cali+" },
  { name: "Canal", pods: "canal-", interface: "cali+" },
  { name: "Weave Net", pods: "weave-net-", interface: "weave" },
  { name: "kube-router", pods: "kube-router-", interface: "kube-bridge" },
  { name: "Antrea", pods: "antrea-agent-", interface: "antrea-gw0" },
  { name: "flannel", pods: "kube-flannel-", interface: "cni0" },
  { name: "kindnet", pods: "kindnet-", interface: "veth+" },
];

const namespaces = /^(kube-system|kube-flannel|kube-router|cilium|cilium-system|calico-system)$/;

/** The CNI plugin of a cluster; undefined where none is recognised (kubenet has no pods). */
export function findCni(pods: readonly PodFacts[]): Cni | undefined {
  const agents = pods.filter(
    (pod) => pod.hostNetwork && pod.controller === "DaemonSet" && namespaces.test(pod.namespace),
  );
  return plugins.find((plugin) => agents.some((pod) => pod.name.startsWith(plugin.pods)));
}
