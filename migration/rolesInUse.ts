import type { ClusterFacts } from "./clusterFacts.js";
import { resolveRoleArn } from "./permitted.js";

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

/**
 * The roles that pods ask for. Pods on the host network are left out: they bypass kube2iam and
 * kiam alike, whatever their annotation says.
 *
 * @param baseArn such as `arn:aws:iam::123456789012:role/`
 */
export function rolesInUse({ pods }: Pick<ClusterFacts, "pods">, baseArn: string): RolesInUse {
  const namespaces = new Map<string, Map<string, RoleUse>>();
  for (const { namespace, name, role, hostNetwork } of pods) {
    if (role === undefined || role === "" || hostNetwork) continue;
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
