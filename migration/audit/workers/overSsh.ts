import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { serverNodes, workerNodes } from "../../situation/nodeSelection.js";
import type { Settings } from "../../settings/schema.js";
import type { LookFailure } from "../../facts/workerLook.js";
import type { FindingCode } from "../catalogue.js";
import { blocksFrom, type Judgement } from "../judgement.js";
import { own, someOf } from "../../text/text.js";

/** What a look at the workers over SSH says of the cutover, which uses the same login. */
export function auditWorkersOverSsh(settings: Settings, facts: ClusterFacts): Judgement[] {
  const looks = facts.overSsh ?? {};
  const failures = workerNodes(settings, facts.nodes).flatMap(({ name }): Judgement[] => {
    const look = own(looks, name);
    if (look === undefined || !("failed" in look)) return [];
    return [
      {
        code: failureCodes[look.failed],
        severity: look.failed === "host-key" ? "blocks" : blocksFrom("cutover", settings),
        object: `node/${name}`,
        seen: look.message,
      },
    ];
  });
  return [...failures, ...unclearRules(settings, facts), ...unreachableServers(settings, facts)];
}

const failureCodes: Record<LookFailure, FindingCode> = {
  connect: "worker-unreachable",
  "host-key": "host-key-changed",
  "host-key-command": "host-key-not-told",
  login: "login-refused",
  sudo: "sudo-refused",
  iptables: "iptables-missing",
  "wrong-node": "worker-mistaken",
  answer: "worker-answer-unclear",
};

/** What the removal would refuse at this worker, whose rules could be read as far as they go. */
function unclearRules(settings: Settings, facts: ClusterFacts): Judgement[] {
  return workerNodes(settings, facts.nodes).flatMap(({ name }): Judgement[] => {
    const look = facts.overSsh?.[name];
    if (look === undefined || "failed" in look || look.unclear === undefined) return [];
    return [
      {
        code: "rules-unclear",
        severity: blocksFrom("cutover", settings),
        object: `node/${name}`,
        seen: look.unclear,
      },
    ];
  });
}

/** One finding a server: what keeps it from one worker mostly keeps it from all. */
function unreachableServers(settings: Settings, facts: ClusterFacts): Judgement[] {
  const { serverHostNetwork, serverPort } = settings.kiam;
  if (!serverHostNetwork) return [];
  return serverNodes(settings, facts.nodes).flatMap(({ name, internalIp }): Judgement[] => {
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
      },
    ];
  });
}
