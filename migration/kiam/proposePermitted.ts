import {
  allowedExpressions,
  isAllowed,
  kube2iamRestrictions,
  parseAllowedRoles,
  type Restrictions,
} from "../iam/allowedRoles.js";
import { composePermitted } from "./composePermitted.js";
import {
  exactly,
  isPermitted,
  matchedName,
  resolveRoleArn,
  type PermittedMode,
} from "./permitted.js";
import { arnsInUse, matchedNames, type RoleUse } from "../situation/rolesInUse.js";
import type { Situation } from "../situation/situation.js";
import type { Settings } from "../settings/schema.js";

/** The tightest `iam.amazonaws.com/permitted` for a namespace. */
export interface PermittedProposal {
  namespace: string;
  permitted: string;
  /** ARNs of the roles that its pods use, sorted. */
  roles: string[];
  /** Where it comes from, and what it leaves out. */
  reason: string;
  /** What is in force now: the setting, else the annotation. */
  current: string | undefined;
  /** Whether what is in force permits the same roles already; `permitted` is then that. */
  unchanged: boolean;
  /** What has to be permitted, which the expression is proven against. */
  basis: ProposalBasis;
}

export interface ProposalBasis {
  mode: PermittedMode;
  /** What kube2iam's restrictions allow; undefined where it has none. */
  allowed: (Pick<Restrictions, "format" | "baseArn"> & { entries: string[] }) | undefined;
  /** Roles besides, as kiam gets to see them: ARNs, but in mode as-written names. */
  exactly: string[];
}

/** A role on which the proposal and what it is made of differ. */
export interface Disagreement {
  role: string;
  /** Whether it has to be permitted. */
  wanted: boolean;
  permitted: boolean;
}

/**
 * Where kube2iam restricts namespaces: exactly what its allowed-roles allow, and its default role
 * where pods name it. Else exactly the roles that pods use. The probe's role comes to its namespace.
 *
 * @returns one for each namespace that is to have any role, sorted; none where the role base ARN is
 * not known
 */
export function proposePermitted(situation: Situation): PermittedProposal[] {
  const { settings, facts, roleBaseArn: base, rolesInUse: uses, permittedMode: mode } = situation;
  if (base === undefined) return [];
  // kiam of that age matches names, and allowed-roles are about ARNs.
  const restrictions = mode === "as-written" ? undefined : kube2iamRestrictions(situation);
  const known = facts.iam?.account;
  const judged = [...(known ?? strangers(base)), ...arnsInUse(uses)].map((arn) =>
    matchedName(arn, base, mode),
  );
  const allowedRoles = new Map(
    facts.namespaces.map(({ name, allowedRoles }) => [name, parseAllowedRoles(allowedRoles)]),
  );
  const probed = settings.probe.namespace;
  const names = new Set([...uses.keys(), ...(probed === undefined ? [] : [probed])]);
  if (restrictions !== undefined) {
    for (const [name, entries] of allowedRoles) if (entries.length > 0) names.add(name);
  }
  const own = new Set([
    settings.kiam.namespace,
    ...facts.namespaces.filter(({ owned }) => owned).map(({ name }) => name),
  ]);
  return [...names]
    .filter((name) => !own.has(name))
    .sort()
    .flatMap((namespace): PermittedProposal[] => {
      const used = [...(uses.get(namespace)?.values() ?? [])];
      const basis: ProposalBasis = {
        mode,
        allowed: restrictions && {
          format: restrictions.format,
          baseArn: restrictions.baseArn,
          entries: allowedRoles.get(namespace) ?? [],
        },
        exactly: [
          ...(restrictions === undefined
            ? used.flatMap((use) => matchedNames(use, mode))
            : used.map(({ arn }) => arn).filter((arn) => arn === restrictions.defaultRoleArn)),
          ...probeRole(settings, namespace, base, mode),
        ].sort(),
      };
      const expressions = [
        ...(basis.allowed === undefined
          ? []
          : allowedExpressions(basis.allowed.entries, basis.allowed)),
        ...basis.exactly.map(exactly),
      ];
      if (expressions.length === 0) return [];
      const current = situation.permittedIn(namespace);
      const proposal: PermittedProposal = {
        namespace,
        permitted: composePermitted(expressions, mode),
        roles: used.map(({ arn }) => arn).sort(),
        reason: reasonOf(basis, used),
        current,
        unchanged: false,
        basis,
      };
      const kept = { ...proposal, permitted: current ?? "", unchanged: true };
      return [current !== undefined && verifyProposal(kept, judged).length === 0 ? kept : proposal];
    });
}

/**
 * Proves a proposal on every role given, such as all of the account, and on those in use there: what
 * kube2iam's matcher (or the pods) allow is what kiam's matcher permits.
 *
 * @param roles ARNs; in mode as-written, names
 * @returns where they differ; empty where they agree on all
 */
export function verifyProposal(
  { permitted, basis, roles: used }: Pick<PermittedProposal, "permitted" | "basis" | "roles">,
  roles: readonly string[],
): Disagreement[] {
  const besides = new Set(basis.exactly);
  return [...new Set([...roles, ...used, ...basis.exactly])].flatMap((role) => {
    const { allowed, mode } = basis;
    const wanted =
      besides.has(role) || (allowed !== undefined && isAllowed(allowed.entries, role, allowed));
    const answer = isPermitted(permitted, role, mode);
    return wanted === answer ? [] : [{ role, wanted, permitted: answer }];
  });
}

function probeRole(
  { probe }: Settings,
  namespace: string,
  base: string,
  mode: PermittedMode,
): string[] {
  if (probe.role === undefined || probe.namespace !== namespace) return [];
  return [mode === "as-written" ? probe.role : resolveRoleArn(probe.role, base)];
}

/** Stand in for the account's roles where those are not known, so that `.*` is not taken for tight. */
function strangers(base: string): string[] {
  return [`${base}some-other-role`, `${base}some/other/role`];
}

function reasonOf({ allowed, exactly: besides }: ProposalBasis, used: readonly RoleUse[]): string {
  if (allowed === undefined) {
    return used.length === 0 ? "what the probe uses" : "exactly what its pods use";
  }
  const refused = used
    .map(({ arn }) => arn)
    .filter((arn) => !besides.includes(arn) && !isAllowed(allowed.entries, arn, allowed))
    .sort();
  const what = "what kube2iam's allowed-roles allow";
  return refused.length === 0
    ? what
    : `${what}; that leaves out ${refused.join(", ")}, which pods ask for and kube2iam refuses them`;
}
