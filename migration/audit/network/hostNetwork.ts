import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { count, someOf } from "../../text/text.js";
import { asksForRole } from "../../situation/rolesInUse.js";
import { perNamespace, type Judgement } from "../judgement.js";

/** Pods whose role annotation nobody heeds: they share their node's network. */
export function auditHostNetwork(facts: Pick<ClusterFacts, "pods">): Judgement[] {
  const pods = facts.pods.filter((pod) => pod.hostNetwork && asksForRole(pod));
  return perNamespace(pods).map(([namespace, members]): Judgement => ({
    code: "host-network-pod-with-role",
    severity: "warns",
    object: `namespace/${namespace}`,
    seen: `${count(members.length, "pod")} on the host's network ask for a role (${someOf(members.map(({ name }) => name))})`,
  }));
}
