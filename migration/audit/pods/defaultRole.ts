import type { ClusterFacts, PodFacts } from "../../facts/clusterFacts.js";
import { defaultRole, sessionMinutes } from "../../kube2iam/flags.js";
import { livesOnDefaultRole } from "../../situation/rolesInUse.js";
import type { Situation } from "../../situation/situation.js";
import { count, own, someOf } from "../../text/text.js";
import { blocksFrom, perNamespace, type Judgement } from "../judgement.js";

/**
 * Pods that live on kube2iam's default role, and will have none under kiam. Only those of workers
 * that are still to move: where kiam supplies already, it is lost already.
 */
export function auditDefaultRole({ settings, facts, toMove }: Situation): Judgement[] {
  const commandLine = facts.kube2iam?.commandLine ?? [];
  const role = defaultRole(commandLine);
  if (role === undefined) return [];
  const pods = facts.pods.filter(
    (pod) => livesOnDefaultRole(pod, settings) && pod.node !== undefined && toMove.has(pod.node),
  );
  const shown = whatTheLogShows(facts, 2 * sessionMinutes(commandLine));
  return perNamespace(pods).map(([namespace, members]): Judgement => {
    const asking = members.filter((pod) => shown(pod) === "asks");
    const silent = members.every((pod) => shown(pod) === "never asks");
    return {
      code: "default-role-lost",
      severity: silent ? "warns" : blocksFrom("cutover", settings),
      object: `namespace/${namespace}`,
      seen: `kube2iam gives ${count(members.length, "pod")} there without a role annotation (${someOf(members.map(({ name }) => name))}) ${typeof role === "object" ? `its default role ${role.name}` : "the node's own role (--auto-discover-default-role)"}; ${
        asking.length > 0
          ? `its log shows that ${someOf(asking.map(({ name }) => name))} asked for credentials`
          : silent
            ? "none of them asked for credentials of late, by its log"
            : "nothing tells that they do not use it"
      }`,
      fix: `annotate those of them that use AWS with iam.amazonaws.com/role, permit the role (namespaces.${namespace}.permitted), and acknowledge default-role-lost for namespace/${namespace} once no other does`,
    };
  });
}

/** @param enough minutes of silence after which a pod that uses credentials must have asked anew */
function whatTheLogShows(
  { kube2iamLog: log }: ClusterFacts,
  enough: number,
): (pod: PodFacts) => "asks" | "never asks" | "unknown" {
  return ({ namespace, name, node, ip }) => {
    if (log === undefined) return "unknown";
    if (`${namespace}/${name}` in log.credentials) return "asks";
    const minutes = node === undefined ? undefined : own(log.minutes, node);
    const known = ip !== undefined && log.requests > 0 && minutes !== undefined;
    return known && minutes >= enough ? "never asks" : "unknown";
  };
}
