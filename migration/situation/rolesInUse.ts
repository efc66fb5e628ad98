import type { ClusterFacts, PodFacts } from "../facts/clusterFacts.js";
import { resolveRoleArn, type PermittedMode } from "../kiam/permitted.js";

/** A role as the pods of one namespace use it. */
export interface RoleUse {
  arn: string;
  /** How their annotations name it: a name, path/name or ARN; more than one where they differ. */
  written: string[];
  pods: number;
  /** Name of one of these pods. */
  example: string;
}

/** By namespace and ARN. */
export type RolesInUse = ReadonlyMap<string, ReadonlyMap<string, RoleUse>>;

/** Whether a pod has the annotation that asks for a role. */
export function asksForRole<Pod extends Pick<PodFacts, "role">>(
  pod: Pod,
): pod is Pod & { role: string } {
  return pod.role !== undefined && pod.role !== "";
}

/**
 * Whether a pod asks for a role and can get it. On the host network it bypasses kube2iam and kiam
 * alike, whatever its annotation says.
 */
export function usesRole<Pod extends Pick<PodFacts, "role" | "hostNetwork">>(
  pod: Pod,
): pod is Pod & { role: string } {
  return asksForRole(pod) && !pod.hostNetwork;
}

/** Whether a pod gets kube2iam's default role, where it has one. kiam's own pods have no use for it. */
export function livesOnDefaultRole(
  { role, hostNetwork, namespace }: Pick<PodFacts, "role" | "hostNetwork" | "namespace">,
  { kiam }: { kiam: { namespace: string } },
): boolean {
  return role === undefined && !hostNetwork && namespace !== kiam.namespace;
}

/**
 * The roles that pods use.
 *
 * @param baseArn such as `arn:aws:iam::123456789012:role/`
 */
export function rolesInUse({ pods }: Pick<ClusterFacts, "pods">, baseArn: string): RolesInUse {
  const namespaces = new Map<string, Map<string, RoleUse>>();
  for (const { namespace, name, role } of pods.filter(usesRole)) {
    const arn = resolveRoleArn(role, baseArn);
    const roles = namespaces.get(namespace) ?? new Map<string, RoleUse>();
    namespaces.set(namespace, roles);
    const use = roles.get(arn);
    if (use === undefined) {
      roles.set(arn, { arn, written: [role], pods: 1, example: name });
    } else {
      use.pods += 1;
      if (!use.written.includes(role)) use.written.push(role);
    }
  }
  return namespaces;
}

/** ARNs of the roles that pods of any namespace use, sorted. */
export function arnsInUse(uses: RolesInUse): string[] {
  return [...new Set([...uses.values()].flatMap((roles) => [...roles.keys()]))].sort();
}

/** Who uses each role, by its ARN, such as `orders/orders-1 and 3 more`. */
export function usersByRole(uses: RolesInUse): Map<string, string> {
  const users = new Map<string, { example: string; pods: number }>();
  for (const [namespace, roles] of uses) {
    for (const { arn, example, pods } of roles.values()) {
      const known = users.get(arn) ?? { example: `${namespace}/${example}`, pods: 0 };
      users.set(arn, { ...known, pods: known.pods + pods });
    }
  }
  return new Map(
    [...users].map(([arn, { example, pods }]) => [
      arn,
      pods > 1 ? `${example} and ${pods - 1} more` : example,
    ]),
  );
}

/** What kiam matches a namespace's expression against for a role that its pods use. */
export function matchedNames({ arn, written }: RoleUse, mode: PermittedMode): string[] {
  return mode === "as-written" ? written : [arn];
}
