import type { Situation } from "../../situation/situation.js";
import type { LookFailure } from "../../facts/workerLook.js";
import type { FindingCode } from "../catalogue.js";
import { blocksFrom, type Judgement } from "../judgement.js";
import { own, someOf } from "../../text/text.js";

/** What a look at the workers over SSH says of the cutover, which uses the same login. */
export function auditWorkersOverSsh(situation: Situation): Judgement[] {
  const looks = situation.workers.flatMap(({ name }) => judgeLook(situation, name));
  return [...looks, ...unreachableServers(situation)];
}

/** What failed there; else what the removal would refuse of the rules, which could be read as far as they go. */
function judgeLook({ settings, facts }: Situation, name: string): Judgement[] {
  const look = own(facts.overSsh, name);
  if (look === undefined) return [];
  const object = `node/${name}`;
  const severity = blocksFrom("cutover", settings);
  if ("failed" in look) {
    const code = failureCodes[look.failed];
    const mistaken = look.failed === "host-key";
    return [{ code, severity: mistaken ? "blocks" : severity, object, seen: look.message }];
  }
  return look.unclear === undefined
    ? []
    : [{ code: "rules-unclear", severity, object, seen: look.unclear }];
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

/** One finding a server: what keeps it from one worker mostly keeps it from all. */
function unreachableServers({ settings, facts, servers }: Situation): Judgement[] {
  const { serverHostNetwork, serverPort } = settings.kiam;
  if (!serverHostNetwork) return [];
  return servers.flatMap(({ name, internalIp }): Judgement[] => {
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
