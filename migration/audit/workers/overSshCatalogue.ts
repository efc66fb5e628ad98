import type { Catalogue } from "../entry.js";

/** What is only seen from the workers themselves (kiam-migrate looks, unless it is given --no-ssh). */
export const overSshFindings = {
  "host-key-changed": {
    title: "A worker presents another host key than the pinned one",
    severities: ["blocks"],
    cause:
      "The key that it presents is not the one in ssh.hostKeys, or not the one that ssh.hostKeyCommand told.",
    consequence:
      "It may not be the machine that was pinned: root commands would be handed to a stranger.",
    cure: "Find out why. If the worker was replaced, put its new public host key into ssh.hostKeys, from a source you trust, or see where ssh.hostKeyCommand has the other one from.",
    acknowledgeable: false,
    seenIn: ["overSsh"],
  },
  "host-key-not-told": {
    title: "ssh.hostKeyCommand does not tell a worker's host key",
    severities: ["warns", "blocks"],
    cause:
      "The program could not be started, failed, took too long, or printed something else than one public host key. It blocks from stage cutover on.",
    consequence:
      "Without the key any machine that answers at the worker's address would be handed root commands: the cutover does not log in there.",
    cure: "Run ssh.hostKeyCommand by hand with NODE_NAME, PROVIDER_ID and ADDRESS of that node set: it has to print one public host key; or put the node's key into ssh.hostKeys.",
    acknowledgeable: true,
    seenIn: ["overSsh"],
  },
  "iptables-missing": {
    title: "A worker's nat rules cannot be read",
    severities: ["warns", "blocks"],
    cause:
      "There is no iptables, or none for a set of tables that the kernel has, or it is too old to read the rules that kube2iam or kiam wrote. It blocks from stage cutover on.",
    consequence: "A rule there that cannot be read can be neither judged nor removed.",
    cure: "Install iptables there, as new as the one in kube2iam's and kiam's images, with a backend for every set of tables that the kernel has (iptables-nft and iptables-legacy). Where the image offers a login none (Bottlerocket), replace such nodes by new ones that get kiam only: docs/new-nodes.md.",
    acknowledgeable: true,
    seenIn: ["overSsh"],
    source: "kubernetes#95409, kubernetes#114537",
  },
  "login-refused": {
    title: "A worker refuses the SSH login",
    severities: ["warns", "blocks"],
    cause:
      "It does not accept ssh.user with the key of the settings. It blocks from stage cutover on.",
    consequence: "The cutover removes kube2iam's rule over SSH: the worker could not be moved.",
    cure: "Check ssh.user, and that the worker's authorized_keys has the public half of ssh.privateKey (or the agent's key).",
    acknowledgeable: true,
    seenIn: ["overSsh"],
  },
  "rules-unclear": {
    title: "A worker's rules do not tell who answers its pods",
    severities: ["warns", "blocks"],
    cause:
      "In front of kube2iam's or kiam's rule stands another program's for 169.254.169.254, one of theirs in another form, or a nat chain that nft itself made (kube2iam with --nftables, a CNI, a firewall). It blocks from stage cutover on.",
    consequence:
      "Who answers pods' requests there cannot be told from its rules: removing kube2iam's rule might not lead pods to kiam, so the cutover refuses.",
    cure: "Do as the finding says there, then look again: move the rule or chain that is in front behind, or remove it.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["overSsh"],
  },
  "server-unreachable": {
    title: "Workers get no answer from a server's port",
    severities: ["warns", "blocks"],
    cause:
      "Only with kiam.serverHostNetwork: a connection to kiam.serverPort of the master timed out; a refusal would do before the server runs. It blocks from stage agent on.",
    consequence:
      "Something between them, such as a security group or a firewall, keeps kiam's agents from the server.",
    cure: "Let the workers reach the port kiam.serverPort (TCP) of the masters.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["overSsh"],
    source: "kiam#168",
  },
  "sudo-refused": {
    title: "The SSH login may not use sudo on a worker",
    severities: ["warns", "blocks"],
    cause:
      "sudo -n asks for a password or a terminal, or is not there. It blocks from stage cutover on.",
    consequence: "Reading and removing nat rules takes root.",
    cure: "Let ssh.user use sudo without a password (NOPASSWD) and without a terminal, with ssh.sudo on; or log in as root.",
    acknowledgeable: true,
    seenIn: ["overSsh"],
  },
  "worker-answer-unclear": {
    title: "A worker's answer cannot be understood",
    severities: ["warns", "blocks"],
    cause:
      "The read-only script was cut off, took too long, or something else wrote into its answer. It blocks from stage cutover on.",
    consequence: "The cutover runs the same script, and would not understand it either.",
    cure: "See what a login there prints by itself (shell profiles, banners on stdout), and whether the machine is overloaded.",
    acknowledgeable: true,
    seenIn: ["overSsh"],
  },
  "worker-mistaken": {
    title: "Another machine answers at a worker's address",
    severities: ["warns", "blocks"],
    cause: "It does not have the worker's internal IP. It blocks from stage cutover on.",
    consequence: "Rules would be looked for on another machine than the one meant.",
    cure: "Correct its address in workers.list, or workers.addressType.",
    acknowledgeable: false,
    seenIn: ["overSsh"],
  },
  "worker-unreachable": {
    title: "A worker is not reached over SSH",
    severities: ["warns", "blocks"],
    cause:
      "Connections failed as often as ssh.dialErrorLimit allows. It blocks from stage cutover on.",
    consequence: "The cutover removes kube2iam's rule over SSH: the worker could not be moved.",
    cure: "Check ssh.port, workers.addressType, the worker's security group, and ssh.bastion if there is one.",
    acknowledgeable: true,
    seenIn: ["overSsh"],
  },
} as const satisfies Catalogue;
