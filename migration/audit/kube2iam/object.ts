import type { Kube2iamFacts } from "../../facts/clusterFacts.js";

/** kube2iam's DaemonSet as the object of a finding. */
export function kube2iamObject({
  namespace,
  daemonSet,
}: Pick<Kube2iamFacts, "namespace" | "daemonSet">): string {
  return `daemonset/${namespace}/${daemonSet}`;
}
