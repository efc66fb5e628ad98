import type { Catalogue } from "../entry.js";

/** The workers, and how they are reached. */
export const workerFindings = {
  "cutover-record-unreadable": {
    title: "What a worker's node says of its cutover cannot be read",
    severities: ["warns", "blocks"],
    cause:
      "The annotation kube2iam-to-kiam/cutover was written by something else than this program. It blocks from stage cutover on.",
    consequence:
      "It is unknown whether the worker was moved, or ever had kube2iam, and the writer of the annotation may patch nodes. Nothing of it is used.",
    cure: "Find out who wrote it. Where the worker was not moved yet, remove the annotation. Otherwise acknowledge the finding for one update: it connects over SSH and proves the worker anew, as one that was moved from kube2iam.",
    acknowledgeable: true,
    onlyForward: true,
  },
  "group-left-behind": {
    title: "A worker would lose kube2iam without having moved",
    severities: ["blocks"],
    cause: "Its node group is not in workers.groups, and the stage is retire.",
    consequence: "It is still served by kube2iam, which stage retire removes.",
    cure: "Take workers.groups out, or add its group and let an update at stage cutover succeed first.",
    acknowledgeable: false,
  },
  "group-unknown": {
    title: "workers.groups names a group without workers",
    severities: ["blocks"],
    cause: "No worker is labelled with it.",
    consequence: "A misspelt group would move no worker, and look like success.",
    cure: "Name a group as its nodes' label has it: kops.k8s.io/instancegroup, eks.amazonaws.com/nodegroup, alpha.eksctl.io/nodegroup-name or karpenter.sh/nodepool.",
    acknowledgeable: true,
  },
  "host-key-unknown": {
    title: "A worker's SSH host key is not known",
    severities: ["warns", "blocks"],
    cause:
      "ssh.hostKeys has no key for it, and ssh.hostKeyCommand is not set. Its own move waits; it blocks at stage retire, and where the worker was moved already.",
    consequence: "Any machine that answers at its address would be handed root commands.",
    cure: "Its move waits until then: add its public host key to ssh.hostKeys, by its name or by a pattern for workers that share one (from the instance's console output, or ssh-keyscan over a path you trust); or let a program tell it (ssh.hostKeyCommand); or set workers.access: exec.",
    acknowledgeable: false,
  },
  "new-nodes-unguarded": {
    title: "Pods on a new node can start before kiam's agent",
    severities: ["warns", "blocks"],
    cause:
      "newNodes.keepKube2iamOff is none, newNodes.startupTaint is off and newNodes.guardedBy is none. From stage cutover on it warns; from stage retire on it blocks.",
    consequence:
      "After a boot there is no rule until the agent writes it: a pod that is faster reads the node's own role from instance metadata, and its SDK keeps that for hours.",
    cure: "Set newNodes.startupTaint, or put the boot guard or hop limit 1 into the workers' node groups and say so with newNodes.guardedBy; docs/new-nodes.md has all of them.",
    acknowledgeable: true,
    source: "kiam#395, kiam#203",
  },
  "no-worker": {
    title: "No node matches as a worker",
    severities: ["warns", "blocks"],
    cause:
      "workers.selector or workers.list matches none, or the cluster has none now. It blocks before the first update; later the cluster may be scaled to zero, and every way back stays open.",
    consequence: "There is nothing to move.",
    cure: "Set workers.selector or workers.list.",
    acknowledgeable: false,
  },
  "node-outside-workers": {
    title: "A node outside the workers depends on kube2iam",
    severities: ["informs", "warns", "blocks"],
    cause:
      "kube2iam runs on it, or pods there ask for a role, and workers.selector, workers.list or the master's role label keeps it out. It blocks at stage retire as long as kube2iam is there.",
    consequence:
      "No agent comes to it. Once kube2iam is retired its rule there leads nowhere, and pods that ask for a role are refused.",
    cure: "Let workers.selector, workers.list or workers.groups cover it; keep such pods off it; or acknowledge it: then retirement takes kube2iam from it and leaves the rule.",
    acknowledgeable: true,
    onlyForward: true,
  },
  "rules-deviate": {
    title: "A worker's rules are not as they should be",
    severities: ["warns"],
    cause: "A reboot, a restarted kube2iam pod, or a change by hand.",
    consequence: "Its pods may get their role from kube2iam, no role, or the node's own.",
    cure: "Run the update: it repairs just that worker. Where it was not cut over yet, restart kube2iam's pod there.",
    acknowledgeable: true,
  },
  "rules-unread": {
    title: "A worker's nat rules could not be read",
    severities: ["warns"],
    cause: "The API refuses exec in the pods of kiam and kube2iam.",
    consequence: "What a hand or a hook changed there goes unnoticed.",
    cure: "Apply rights/kubernetes/look-in-kiam.yaml, or move-in-kiam.yaml for one who also moves (docs/rights.md).",
    acknowledgeable: true,
  },
  "startup-taint-unconfined": {
    title: "What takes the startup taint off could change all of a node",
    severities: ["warns", "blocks"],
    cause:
      "newNodes.startupTaint is on, and the API server has no ValidatingAdmissionPolicy (Kubernetes before 1.30). From stage agent on it blocks.",
    consequence:
      "Kubernetes has no permission for taints alone: an attacker with that service account may change every label, annotation and taint of every node, also those by which this program knows what was moved.",
    cure: "Upgrade the cluster, or turn newNodes.startupTaint off and use the boot guard or hop limit 1 (docs/new-nodes.md). Acknowledged, the Deployment runs without that limit.",
    acknowledgeable: true,
    onlyForward: true,
  },
  "worker-address-unknown": {
    title: "A worker has no address to use",
    severities: ["warns", "blocks"],
    cause:
      "It reports no IPv4 address as InternalIP, or nothing of the type workers.addressType that is an address or a host name. It blocks at stage retire as long as kube2iam is there.",
    consequence:
      "The rules carry its internal IP, and SSH needs an address: it cannot be moved or proven. All others are; the update then fails, naming it, and kube2iam is not retired.",
    cure: "See why its kubelet, or the cloud controller, reports none. For SSH, set workers.addressType, name its address in workers.list, or set workers.access: exec. Acknowledged, it lets every update succeed but kube2iam's retirement.",
    acknowledgeable: true,
    onlyForward: true,
  },
  "worker-cannot-run-agent": {
    title: "A worker on which kiam's agent cannot run",
    severities: ["blocks"],
    cause:
      "workers.selector or workers.list makes a node of AWS Fargate (eks.amazonaws.com/compute-type) or Windows (kubernetes.io/os) a worker.",
    consequence:
      "No DaemonSet runs on Fargate, and Windows has no iptables: the update would wait for an agent there until it fails.",
    cure: "Leave it out of workers.selector or workers.list; without these settings such nodes are no workers.",
    acknowledgeable: false,
    onlyForward: true,
  },
  "worker-goes-back": {
    title: "A moved worker goes back to kube2iam",
    severities: ["informs"],
    cause: "workers.groups no longer names its group.",
    consequence: "This update puts kube2iam's rule back there.",
    cure: "Nothing, if that is meant; otherwise add its group to workers.groups again.",
    acknowledgeable: true,
  },
  "worker-left-out": {
    title: "A moved worker is no longer among the workers",
    severities: ["blocks"],
    cause: "The settings do not count it among the workers any more.",
    consequence: "Its agent would go while its pods depend on it.",
    cure: "Let workers.selector or workers.list match it again; to take it out, move the stack back to stage server first.",
    acknowledgeable: false,
  },
  "worker-not-listed-in-cluster": {
    title: "workers.list names a node that is not in the cluster",
    severities: ["informs"],
    cause: "It has left, or its name is misspelt.",
    consequence: "It is passed over.",
    cure: "Take it out of workers.list if it is gone for good.",
    acknowledgeable: true,
  },
  "worker-not-ready": {
    title: "A worker is not Ready",
    severities: ["warns", "blocks"],
    cause:
      "Its kubelet does not report Ready, or it is being deleted. It blocks at stage retire as long as kube2iam is there.",
    consequence:
      "It cannot be moved or proven. All others are; the update then fails, naming it, and kube2iam is not retired.",
    cure: "Mend it, or delete it from the cluster if it is gone for good. Acknowledged, it lets every update succeed but kube2iam's retirement.",
    acknowledgeable: true,
    onlyForward: true,
  },
} as const satisfies Catalogue;
