import { assumableRoles } from "../../iam/chain.js";
import { matchesIamPattern } from "../../iam/pattern.js";
import { isPermitted, whyInvalid } from "../../kiam/permitted.js";
import { matchedNames, usersByRole } from "../../situation/rolesInUse.js";
import type { Situation } from "../../situation/situation.js";
import { someOf } from "../../text/text.js";
import type { Judgement } from "../judgement.js";

/** Roles that pods use: permitted by their namespace, and within what the kiam-server role may assume. */
export function auditRoles(situation: Situation): Judgement[] {
  return [...notPermitted(situation), ...notAssumable(situation)];
}

/** One finding a namespace, however many of its roles are refused. */
function notPermitted({ rolesInUse, permittedMode: mode, permittedIn }: Situation): Judgement[] {
  return [...rolesInUse].flatMap(([namespace, roles]): Judgement[] => {
    const permitted = permittedIn(namespace);
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

function notAssumable({ settings, roleBaseArn, rolesInUse }: Situation): Judgement[] {
  if (roleBaseArn === undefined) return [];
  const assumable = assumableRoles(settings, roleBaseArn);
  return [...usersByRole(rolesInUse)]
    .filter(([arn]) => !assumable.some((pattern) => matchesIamPattern(pattern, arn)))
    .map(([arn, user]) => ({
      code: "role-not-assumable",
      severity: "blocks",
      object: `role/${arn}`,
      seen: `pods use it (${user}), and iam.assumableRoles does not cover it`,
    }));
}
