import type { NodeFacts } from "../facts/clusterFacts.js";
import { compareText } from "../text/text.js";
import type { Settings, Toleration } from "../settings/schema.js";

/** Labels by which kops and kubeadm, old and new, mark masters. */
export const masterLabels = [
  "node-role.kubernetes.io/master",
  "node-role.kubernetes.io/control-plane",
] as const;

/** Labels of nodes on which kiam's agent cannot run: no DaemonSet is on AWS Fargate, no iptables on Windows. */
export const agentlessLabels = {
  "eks.amazonaws.com/compute-type": "fargate",
  "kubernetes.io/os": "windows",
} as const;

/** Labels by which kops, EKS, eksctl and Karpenter say which group a node belongs to. */
const nodeGroupLabels = [
  "kops.k8s.io/instancegroup",
  "eks.amazonaws.com/nodegroup",
  "alpha.eksctl.io/nodegroup-name",
  "karpenter.sh/nodepool",
] as const;

/** Names of the groups that a node belongs to, as the tool that made it calls them. */
export function nodeGroups(node: Pick<NodeFacts, "labels">): string[] {
  const names = nodeGroupLabels.map((label) => node.labels[label]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Whether the settings let this worker be cut over; those of other groups stay on kube2iam. */
export function mayMove(settings: Settings, node: Pick<NodeFacts, "labels">): boolean {
  const { groups } = settings.workers;
  return groups === undefined || nodeGroups(node).some((name) => groups.includes(name));
}

/** The nodes that are to run kiam's server. */
export function serverNodes(settings: Settings, nodes: readonly NodeFacts[]): NodeFacts[] {
  const selector = settings.kiam.serverNodeSelector;
  return byName(
    nodes.filter((node) => (selector === undefined ? isMaster(node) : matches(node, selector))),
  );
}

/** What of the settings says which nodes are workers. */
export interface WorkerSelection {
  workers: Pick<Settings["workers"], "selector"> & { list?: readonly { name: string }[] };
  kiam: Pick<Settings["kiam"], "serverNodeSelector">;
}

/** The nodes that are to be moved: those that run kiam's agent. */
export function workerNodes(settings: WorkerSelection, nodes: readonly NodeFacts[]): NodeFacts[] {
  const { selector, list } = settings.workers;
  const listed = list && new Set(list.map(({ name }) => name));
  return byName(
    nodes.filter((node) => {
      if (listed !== undefined) return listed.has(node.name);
      if (selector !== undefined) return matches(node, selector);
      const servers = settings.kiam.serverNodeSelector;
      return (
        !isMaster(node) &&
        !cannotRunAgent(node) &&
        (servers === undefined || !matches(node, servers))
      );
    }),
  );
}

/** Where SSH connects to; undefined where the node reports no such address. */
export function sshAddress(
  { workers }: Pick<Settings, "workers">,
  node: Pick<NodeFacts, "name" | "internalIp" | "externalIp" | "hostname">,
): string | undefined {
  const listed = workers.list?.find((worker) => worker.name === node.name)?.address;
  return (
    listed ??
    {
      InternalIP: node.internalIp,
      ExternalIP: node.externalIp,
      Hostname: node.hostname,
    }[workers.addressType]
  );
}

export function isMaster(node: Pick<NodeFacts, "labels">): boolean {
  return masterLabels.some((label) => label in node.labels);
}

/** Whether kiam's agent cannot run on a node, nor kube2iam. */
export function cannotRunAgent(node: Pick<NodeFacts, "labels">): boolean {
  return Object.entries(agentlessLabels).some(([label, value]) => node.labels[label] === value);
}

/** Taints of a node that keep pods off it and that none of the tolerations covers. */
export function untolerated(
  node: Pick<NodeFacts, "taints">,
  tolerations: readonly Toleration[],
): NodeFacts["taints"] {
  return node.taints.filter(
    (taint) =>
      taint.effect !== "PreferNoSchedule" &&
      // The DaemonSet controller adds these tolerations by itself.
      !taint.key.startsWith("node.kubernetes.io/") &&
      !tolerations.some(
        (toleration) =>
          (toleration.effect === undefined || toleration.effect === taint.effect) &&
          (toleration.key === undefined
            ? toleration.operator === "Exists"
            : toleration.key === taint.key &&
              (toleration.operator === "Exists" ||
                (toleration.value ?? "") === (taint.value ?? ""))),
      ),
  );
}

function matches(node: NodeFacts, selector: Record<string, string>): boolean {
  return Object.entries(selector).every(([label, value]) => node.labels[label] === value);
}

function byName(nodes: NodeFacts[]): NodeFacts[] {
  return nodes.sort((a, b) => compareText(a.name, b.name));
}
