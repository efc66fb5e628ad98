import { resolveRoleArn, roleAnnotation } from "../../migration/kiam/permitted.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";

/**
 * ARNs of the roles that running pods ask for by their annotation. Pods on the host's network
 * bypass kube2iam and kiam alike, so theirs do not count.
 */
export async function neededRoles(cluster: Cluster, roleBaseArn: string): Promise<string[]> {
  const arns = (await cluster.allPods("status.phase=Running"))
    .filter((pod) => !pod.spec?.hostNetwork && pod.metadata?.deletionTimestamp === undefined)
    .map((pod) => pod.metadata?.annotations?.[roleAnnotation] ?? "")
    .filter((role) => role !== "")
    .map((role) => resolveRoleArn(role, roleBaseArn));
  return [...new Set(arns)].sort();
}
