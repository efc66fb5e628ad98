import type { Catalogue } from "../entry.js";

/** kiam's server, the nodes it runs on, and the way to it. */
export const serverFindings = {
  "ca-path-wrong": {
    title: "The masters have no CA certificates where kiam.caHostPath says",
    severities: ["warns", "blocks"],
    cause:
      "Known by the node's OS image: Amazon Linux, RHEL and their kin keep them in /etc/pki/ca-trust/extracted/pem, Debian and Ubuntu in /etc/ssl/certs, Bottlerocket in /etc/pki/tls/certs; links that lead out of a mounted directory count for nothing. Other images, and other directories, are not judged: the gate behind the server finds out. From stage server on it blocks.",
    consequence: "The server would not start there, or trust no answer of AWS.",
    cure: "Set kiam.caHostPath to the directory of the masters' OS image.",
    acknowledgeable: true,
    onlyForward: true,
    source: "kiam's chart, which has /usr/share/ca-certificates for CoreOS",
  },
  "kube2iam-on-server-node": {
    title: "kube2iam runs on a node that is to run kiam's server",
    severities: ["blocks"],
    cause: "kube2iam's DaemonSet also covers the masters.",
    consequence: "Its rule would intercept the server's own request for the master's credentials.",
    cure: "Keep kube2iam off the masters, or set kiam.serverHostNetwork (and kiam.serverPort to a free port).",
    acknowledgeable: true,
    source: "kiam#39",
  },
  "no-server-node": {
    title: "No node fits kiam's server",
    severities: ["blocks"],
    cause:
      "No node has the labels of kiam.serverNodeSelector, or the masters' role label where it is unset.",
    consequence: "The server has to run on nodes of its own, away from the agents.",
    cure: "Set kiam.serverNodeSelector to labels of the nodes that are to run it; managed masters (EKS) need a node group for it.",
    acknowledgeable: false,
  },
  "server-and-agent-on-one-node": {
    title: "Server and agent can land on one node",
    severities: ["blocks", "warns"],
    cause: "The node matches both as a server node (or is a master) and as a worker.",
    consequence: "The agent's rule would cut the server off from the node's credentials.",
    cure: "Make kiam.serverNodeSelector and workers.selector exclude each other.",
    acknowledgeable: true,
    source: "kiam#476",
  },
  "single-server": {
    title: "Only one node will run kiam's server",
    severities: ["warns"],
    cause: "Only one node fits it.",
    consequence: "While it reboots no worker gets credentials that are not cached yet.",
    cure: "Let at least two nodes match.",
    acknowledgeable: true,
    source: "kiam#425",
  },
  "taint-not-tolerated": {
    title: "The server does not tolerate a master's taint",
    severities: ["blocks"],
    cause: "kiam.serverTolerations lacks it.",
    consequence: "The server's DaemonSet would leave this master out.",
    cure: "Add a toleration for it to kiam.serverTolerations.",
    acknowledgeable: true,
    onlyForward: true,
  },
} as const satisfies Catalogue;
