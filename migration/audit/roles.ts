import type { ClusterFacts } from "../clusterFacts.js";
import { effectiveKube2iam, effectiveRoleBaseArn } from "../effectiveKube2iam.js";
import { matchesIamPattern } from "../iamPattern.js";
import { isPermitted, whyInvalid } from "../permitted.js";
import { permittedInForce, permittedMode } from "../permittedInForce.js";
import { rolesInUse, type RolesInUse } from "../rolesInUse.js";
import type { Settings } from "../settings.js";
import type { Finding } from "./finding.js";

/** Roles that pods use: permitted by their namespace, and within what the kiam-server role may assume. */
export function auditRoles(settings: Settings, facts: ClusterFacts): Finding[] {
  const base = effectiveRoleBaseArn(settings, effectiveKube2iam(settings, facts));
  if (base === undefined) return [];
  const uses = rolesInUse(facts, base);
  return [
    ...notPermitted(settings, facts, uses),
    ...notAssumable(settings.iam.assumableRoles ?? [`${base}*`], uses),
  ];
}

function notPermitted(settings: Settings, facts: ClusterFacts, uses: RolesInUse): Finding[] {
  const mode = permittedMode(settings);
  const inForce = permittedInForce(settings, facts);
  const findings: Finding[] = [];
  for (const [namespace, roles] of uses) {
    const permitted = inForce(namespace);
    // That has a finding of its own.
    if (permitted !== undefined && whyInvalid(permitted, mode) !== undefined) continue;
    for (const { arn, written } of roles.values()) {
      const names = mode === "as-written" ? written : [arn];
      const refused = names.find((name) => !isPermitted(permitted, name, mode));
      if (refused === undefined) continue;
      const loosely = mode === "strict" && isPermitted(permitted, arn, "unanchored");
      findings.push({
        code: "role-not-permitted",
        severity: "blocks",
        object: `namespace/${namespace}`,
        seen:
          permitted === undefined || permitted === ""
            ? `pods use ${arn}, and the namespace has no iam.amazonaws.com/permitted`
            : `pods use ${refused}, which ${JSON.stringify(permitted)} does not match${loosely ? " as a whole: kiam from version 4 on puts ^ and $ around it" : ""}`,
        why: "kiam gives a pod a role only if its namespace permits it; these pods would fail from the cutover on",
        fix: `set namespaces.${namespace}.permitted to an expression that matches ${refused}`,
      });
    }
  }
  return findings;
}

function notAssumable(assumable: readonly string[], uses: RolesInUse): Finding[] {
  const users = new Map<string, string>();
  for (const [namespace, roles] of uses) {
    for (const { arn, example } of roles.values()) {
      if (!users.has(arn)) users.set(arn, `${namespace}/${example}`);
    }
  }
  return [...users]
    .filter(([arn]) => !assumable.some((pattern) => matchesIamPattern(pattern, arn)))
    .map(([arn, user]) => ({
      code: "role-not-assumable",
      severity: "blocks",
      object: `role/${arn}`,
      seen: `pods use it (${user}), and iam.assumableRoles does not cover it`,
      why: "the kiam-server role would lack sts:AssumeRole on it: AccessDenied for these pods from the cutover on",
      fix: "add it to iam.assumableRoles",
    }));
}
