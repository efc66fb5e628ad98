import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { count, someOf } from "../../text/text.js";
import { asksForRole } from "../../situation/rolesInUse.js";
import type { Finding } from "../finding.js";
import { perNamespace } from "../perNamespace.js";

/** Pods whose role annotation nobody heeds: they share their node's network. */
export function auditHostNetwork(facts: Pick<ClusterFacts, "pods">): Finding[] {
  const pods = facts.pods.filter((pod) => pod.hostNetwork && asksForRole(pod));
  return perNamespace(pods).map(([namespace, members]): Finding => ({
    code: "host-network-pod-with-role",
    severity: "warns",
    object: `namespace/${namespace}`,
    seen: `${count(members.length, "pod")} on the host's network ask for a role (${someOf(members.map(({ name }) => name))})`,
    why: "their requests bypass kube2iam and kiam alike: they get their node's own role, now and later",
    fix: "nothing for the migration; take them off the host's network, or give the node what they need and drop the annotation",
  }));
}
