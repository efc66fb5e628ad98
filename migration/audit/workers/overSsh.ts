import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { serverNodes, workerNodes } from "../../situation/nodeSelection.js";
import type { Settings } from "../../settings/schema.js";
import type { LookFailure } from "../../facts/workerLook.js";
import type { FindingCode } from "../catalogue.js";
import type { Finding } from "../finding.js";
import { blocksFrom } from "../severityFrom.js";
import { own, someOf } from "../../text/text.js";

/** What a look at the workers over SSH says of the cutover, which uses the same login. */
export function auditWorkersOverSsh(settings: Settings, facts: ClusterFacts): Finding[] {
  const looks = facts.overSsh ?? {};
  const failures = workerNodes(settings, facts.nodes).flatMap(({ name }): Finding[] => {
    const look = own(looks, name);
    if (look === undefined || !("failed" in look)) return [];
    const { code, why, fix } = failureFindings[look.failed];
    return [
      {
        code,
        severity: look.failed === "host-key" ? "blocks" : blocksFrom("cutover", settings),
        object: `node/${name}`,
        seen: look.message,
        why,
        fix,
      },
    ];
  });
  return [...failures, ...unclearRules(settings, facts), ...unreachableServers(settings, facts)];
}

const noCutover = "the cutover removes kube2iam's rule over SSH: this worker could not be moved";

const failureFindings: Record<LookFailure, { code: FindingCode; why: string; fix: string }> = {
  connect: {
    code: "worker-unreachable",
    why: noCutover,
    fix: "check ssh.port, workers.addressType, the worker's security group, and ssh.bastion if there is one",
  },
  "host-key": {
    code: "host-key-changed",
    why: "whoever answers there is not who was pinned: root commands would be handed to a stranger",
    fix: "find out why; if the worker was replaced, put its new public host key into ssh.hostKeys, from a source you trust, or see where ssh.hostKeyCommand has the other one from",
  },
  "host-key-command": {
    code: "host-key-not-told",
    why: noCutover,
    fix: "run ssh.hostKeyCommand by hand with NODE_NAME, PROVIDER_ID and ADDRESS of this node: it has to print one public host key; or put the node's key into ssh.hostKeys",
  },
  login: {
    code: "login-refused",
    why: noCutover,
    fix: "check ssh.user, and that the worker's authorized_keys has the public half of ssh.privateKey (or the agent's key)",
  },
  sudo: {
    code: "sudo-refused",
    why: "reading and removing nat rules takes root",
    fix: "let ssh.user use sudo without a password (NOPASSWD) and without a terminal, with ssh.sudo on; or log in as root",
  },
  iptables: {
    code: "iptables-missing",
    why: "a rule there that cannot be read can be neither judged nor removed",
    fix: "install iptables there, as new as the one in kube2iam's and kiam's images, with a backend for every set of tables that the kernel has (iptables-nft and iptables-legacy); where the image offers none (Bottlerocket), replace the node by a new one that gets kiam only (docs/new-nodes.md)",
  },
  "wrong-node": {
    code: "worker-mistaken",
    why: "rules would be looked for on another machine than the one meant",
    fix: "correct its address in workers.list, or workers.addressType",
  },
  answer: {
    code: "worker-answer-unclear",
    why: "the cutover runs the same script there, and would not understand its answer either",
    fix: "see what a login there prints by itself (shell profiles, banners on stdout), and whether the machine is overloaded",
  },
};

/** What the removal would refuse at this worker, whose rules could be read as far as they go. */
function unclearRules(settings: Settings, facts: ClusterFacts): Finding[] {
  return workerNodes(settings, facts.nodes).flatMap(({ name }): Finding[] => {
    const look = facts.overSsh?.[name];
    if (look === undefined || "failed" in look || look.unclear === undefined) return [];
    return [
      {
        code: "rules-unclear",
        severity: blocksFrom("cutover", settings),
        object: `node/${name}`,
        seen: look.unclear,
        why: "who answers pods' requests there cannot be told from its rules, so its cutover would be refused",
        fix: "do as it says there, then look again",
      },
    ];
  });
}

/** One finding a server: what keeps it from one worker mostly keeps it from all. */
function unreachableServers(settings: Settings, facts: ClusterFacts): Finding[] {
  const { serverHostNetwork, serverPort } = settings.kiam;
  if (!serverHostNetwork) return [];
  return serverNodes(settings, facts.nodes).flatMap(({ name, internalIp }): Finding[] => {
    const workers = Object.entries(facts.overSsh ?? {}).flatMap(([worker, look]) =>
      "serversBlocked" in look && look.serversBlocked.includes(name) ? [worker] : [],
    );
    if (workers.length === 0) return [];
    return [
      {
        code: "server-unreachable",
        severity: blocksFrom("agent", settings),
        object: `node/${name}`,
        seen: `${internalIp}:${serverPort} does not answer ${someOf(workers)}, not even with a refusal`,
        why: "something between them, such as a security group, keeps kiam's agents from the server",
        fix: `let the workers reach TCP port ${serverPort} of the masters`,
      },
    ];
  });
}
