import type { ClusterFacts } from "../../facts/clusterFacts.js";
import { effectiveRoleBaseArn } from "../../kube2iam/effective.js";
import { assumableRoles } from "../../iam/chain.js";
import { matchesIamPattern } from "../../iam/pattern.js";
import { isPermitted, whyInvalid } from "../../kiam/permitted.js";
import { permittedInForce, permittedMode } from "../../kiam/permittedInForce.js";
import {
  matchedNames,
  rolesInUse,
  usersByRole,
  type RolesInUse,
} from "../../situation/rolesInUse.js";
import type { Settings } from "../../settings/schema.js";
import { someOf } from "../../text/text.js";
import type { Judgement } from "../judgement.js";

/** Roles that pods use: permitted by their namespace, and within what the kiam-server role may assume. */
export function auditRoles(settings: Settings, facts: ClusterFacts): Judgement[] {
  const base = effectiveRoleBaseArn(settings, facts);
  if (base === undefined) return [];
  const uses = rolesInUse(facts, base);
  return [
    ...notPermitted(settings, facts, uses),
    ...notAssumable(assumableRoles(settings, base), uses),
  ];
}

/** One finding a namespace, however many of its roles are refused. */
function notPermitted(settings: Settings, facts: ClusterFacts, uses: RolesInUse): Judgement[] {
  const mode = permittedMode(settings);
  const inForce = permittedInForce(settings, facts);
  return [...uses].flatMap(([namespace, roles]): Judgement[] => {
    const permitted = inForce(namespace);
    // That has a finding of its own.
    if (permitted !== undefined && whyInvalid(permitted, mode) !== undefined) return [];
    const refused = [...roles.values()]
      .flatMap((use) => matchedNames(use, mode))
      .filter((name) => !isPermitted(permitted, name, mode))
      .sort();
    if (refused.length === 0) return [];
    const loosely =
      mode === "strict" && refused.every((arn) => isPermitted(permitted, arn, "unanchored"));
    return [
      {
        code: "role-not-permitted",
        severity: "blocks",
        object: `namespace/${namespace}`,
        seen:
          permitted === undefined || permitted === ""
            ? `pods use ${someOf(refused)}, and the namespace has no iam.amazonaws.com/permitted`
            : `pods use ${someOf(refused)}, which ${JSON.stringify(permitted)} does not match${loosely ? " as a whole: kiam from version 4 on puts ^ and $ around it" : ""}`,
        fix: `set namespaces.${namespace}.permitted to an expression that matches ${someOf(refused)}; kiam-migrate permitted --stack <name> proposes the tightest one`,
      },
    ];
  });
}

function notAssumable(assumable: readonly string[], uses: RolesInUse): Judgement[] {
  return [...usersByRole(uses)]
    .filter(([arn]) => !assumable.some((pattern) => matchesIamPattern(pattern, arn)))
    .map(([arn, user]) => ({
      code: "role-not-assumable",
      severity: "blocks",
      object: `role/${arn}`,
      seen: `pods use it (${user}), and iam.assumableRoles does not cover it`,
    }));
}
