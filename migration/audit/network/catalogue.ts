import type { Catalogue } from "../entry.js";

/** Ports, interfaces, and the way from the agents to the servers. */
export const networkFindings = {
  "agent-port-changed": {
    title: "The agent's port was changed while agents run",
    severities: ["blocks"],
    cause: "The agents' --port is not kiam.agentPort, whatever the stage.",
    consequence:
      "Agents take no rule away when they restart, and put the new one behind the old: on workers that were moved, every request goes to a port on which nothing listens, and is refused.",
    cure: "Set kiam.agentPort as it was. To change it, go back to stage server, which takes agents and rules away, and forward again.",
    acknowledgeable: false,
    source: "kiam --port, --no-iptables-remove",
  },
  "agent-port-in-use": {
    title: "The agent's port is taken on workers",
    severities: ["warns", "blocks"],
    cause:
      "Another pod has kiam.agentPort as a port of its node, or something listens on it (seen over SSH); from stage agent on it blocks.",
    consequence: "The agent cannot listen there, so that its worker cannot be moved.",
    cure: "Set kiam.agentPort to a port that is free on every worker, or move the other to another port.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["cluster", "overSsh"],
  },
  "interface-missing": {
    title: "A worker has no interface that the agent's rule would fit",
    severities: ["warns", "blocks"],
    cause:
      "No interface seen over SSH fits kiam.hostInterface, or that of kube2iam. It blocks from stage agent on where the worker has pods with a network of their own; without them it may not be there yet.",
    consequence: "The rule would see no request: pods would read the node's own role.",
    cure: "Set kiam.hostInterface to the interface by which pods' traffic comes in.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["overSsh"],
    source: "kiam#39",
  },
  "interface-unlikely": {
    title: "The agent's interface does not fit the CNI plugin",
    severities: ["warns"],
    cause:
      "The CNI plugin is known by its pods: eni+ for the AWS VPC CNI, lxc+ for Cilium, cali+ for Calico and Canal, weave, kube-bridge for kube-router, antrea-gw0, cni0 for flannel, veth+ for kindnet.",
    consequence:
      "A rule for another interface sees no request: pods would read the node's own role.",
    cure: "Look at a worker's interfaces, and set kiam.hostInterface; a negation such as !eth0 fits most.",
    acknowledgeable: true,
    source: "kiam#476",
  },
  "network-policy-blocks-agent": {
    title: "NetworkPolicies keep the agents from the servers",
    severities: ["warns", "blocks"],
    cause:
      "A NetworkPolicy in kiam's namespace is for the servers, and no rule lets in all sources, or the workers' addresses, on kiam.serverPort. It blocks from stage agent on where no rule is about that port at all.",
    consequence:
      "Agents are on the host's network, where pod selectors do not fit them: they would reach no server.",
    cure: "Allow TCP to kiam.serverPort from an ipBlock with the workers' addresses, or from all sources: the servers ask for a certificate.",
    acknowledgeable: true,
    onlyForward: true,
  },
  "server-port-in-use": {
    title: "The server's port is taken on masters",
    severities: ["warns", "blocks"],
    cause:
      "With kiam.serverHostNetwork, another pod there has kiam.serverPort as a port of its node; on kops masters the API server has 443. From stage server on it blocks.",
    consequence: "The server cannot listen there.",
    cure: "Set kiam.serverPort to a port that is free on the masters, such as 8443, and let the workers reach it (security groups).",
    acknowledgeable: true,
    onlyForward: true,
  },
} as const satisfies Catalogue;
