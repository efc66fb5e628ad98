import { assumableRoles, ownRoleArns } from "../../iam/chain.js";
import type { ApplicationRoleFacts, IamFacts } from "../../facts/iamFacts.js";
import { matchesIamPattern } from "../../iam/pattern.js";
import { listOf } from "../../text/text.js";
import { accountOf } from "../../iam/roleArn.js";
import { usersByRole } from "../../situation/rolesInUse.js";
import type { Situation } from "../../situation/situation.js";
import type { Settings } from "../../settings/schema.js";
import { reaches } from "../../stages.js";
import { gonePrincipals } from "../../iam/trust.js";
import { blocksFrom, type Judgement } from "../judgement.js";

/** Application roles in IAM: that they exist, trust the kiam-server role, and it may assume them. */
export function auditTrust(situation: Situation): Judgement[] {
  const { settings, roleBaseArn: base } = situation;
  const { iam } = situation.facts;
  if (iam === undefined || base === undefined) return [];
  const users = usersByRole(situation.rolesInUse);
  const own = ownRoleArns(settings, base);
  return Object.values(iam.roles).flatMap((role): Judgement[] => {
    // A session that STS gave says more than all documents.
    if (role.tried?.ok === true) return stale(role, iam);
    const user = users.get(role.arn) ?? "the probe";
    const found = [
      ...judgeExistence(role, user, own),
      ...(role.exists === false ? [] : judgeTrust(settings, role, iam, user)),
      ...judgeServer(settings, base, role, iam),
    ];
    return found.length > 0 || role.tried === undefined ? found : [refused(role, role.tried)];
  });
}

function judgeExistence(
  { arn, exists, elsewhere }: ApplicationRoleFacts,
  user: string,
  own: ReadonlySet<string>,
): Judgement[] {
  // This update creates it.
  if (exists !== false || own.has(arn)) return [];
  return [
    {
      code: "role-missing",
      severity: "blocks",
      object: `role/${arn}`,
      seen: `there is no such role, and pods ask for it (${user})${elsewhere === undefined ? "" : `; the account's role of that name is ${elsewhere}`}`,
      fix:
        elsewhere === undefined
          ? "create the role, or correct the pods' annotation"
          : "let the pods' annotation name the role with its path",
    },
  ];
}

function judgeTrust(
  settings: Settings,
  role: ApplicationRoleFacts,
  iam: IamFacts,
  user: string,
): Judgement[] {
  const object = `role/${role.arn}`;
  const server = iam.serverRole.arn;
  if (accountOf(role.arn) !== accountOf(server)) {
    return [
      trustUnclear(
        settings,
        object,
        `it belongs to account ${accountOf(role.arn)}, where nothing can be read from here (used by ${user})`,
        `see in that account that its trust policy names ${server}, then acknowledge it; or let the audit try a real AssumeRole`,
      ),
    ];
  }
  if (role.trust === undefined) return []; // iam-unread says so for all.
  if (role.trustsServer === "allowed") return stale(role, iam);
  if (role.trustsServer === "unknown") {
    return [
      trustUnclear(
        settings,
        object,
        role.reasons.filter((reason) => !role.serverReasons.includes(reason)).join("; "),
        `add a statement without conditions for ${server} to its trust policy, or acknowledge it`,
      ),
    ];
  }
  // Before there is a kiam-server role nothing can trust it, and its absence is what blocks.
  const severity =
    reaches(settings.stage, "server") && iam.serverRole.exists !== false ? "blocks" : "warns";
  const fix =
    "kiam-migrate trust --stack <name> shows the statement to add, and with --approve adds it, once stage prepare has created the kiam-server role";
  const gone = goneIds(role, iam);
  if (gone.length > 0 && !role.trustDenies) {
    return [
      {
        code: "trust-names-gone-role",
        severity,
        object,
        seen: `its trust policy names ${gone.join(", ")}, a role that was deleted, and not ${server} (used by ${user})`,
        fix: `${fix}; where the id stands in another statement than KiamServer, take it out by hand first: IAM refuses any change while it is named`,
      },
    ];
  }
  const onlyWorkers = !role.trustDenies && role.trustsWorker === "allowed";
  const names = role.trustDenies
    ? `its trust policy denies ${server}`
    : onlyWorkers
      ? `its trust policy names the workers' role ${iam.workerRoleArn} and not ${server}`
      : `its trust policy names neither ${server} nor the workers' role`;
  return [
    {
      code: onlyWorkers ? "role-trusts-only-workers" : "role-does-not-trust-server",
      severity,
      object,
      // Who uses it is left out: what all roles lack at first is then read once.
      seen: names,
      fix: role.trustDenies
        ? "take the denial out of its trust policy by hand, if it is not meant: no statement allows what another one denies"
        : fix,
    },
  ];
}

/** It works as it is, and cannot be changed any more. */
function stale(role: ApplicationRoleFacts, iam: IamFacts): Judgement[] {
  const gone = goneIds(role, iam);
  if (gone.length === 0) return [];
  return [
    {
      code: "trust-names-gone-role",
      severity: "warns",
      object: `role/${role.arn}`,
      seen: `its trust policy names ${gone.join(", ")}, a role or user that was deleted`,
      why: "IAM refuses any change of the policy while it is named, the removal of the workers' role after retirement included",
      fix: "take the id out of its trust policy",
    },
  ];
}

function goneIds({ trust }: ApplicationRoleFacts, { serverRole }: IamFacts): string[] {
  return listOf(trust?.Statement)
    .flatMap(gonePrincipals)
    .filter((id) => id !== serverRole.id);
}

function judgeServer(
  settings: Settings,
  base: string,
  { arn, serverMay, serverReasons }: ApplicationRoleFacts,
  { serverRole, unread }: IamFacts,
): Judgement[] {
  const object = `role/${arn}`;
  if (serverRole.exists !== true || serverMay === "allowed") return [];
  if (serverMay === "unknown") {
    if (unread.length > 0) return [];
    return [
      trustUnclear(
        settings,
        object,
        serverReasons.join("; "),
        `allow ${serverRole.arn} sts:AssumeRole on it without conditions, or acknowledge it`,
      ),
    ];
  }
  const { manage } = settings.iam;
  const covered = assumableRoles(settings, base).some((pattern) => matchesIamPattern(pattern, arn));
  // role-not-assumable says so: the policy is written from that setting.
  if (manage && !covered) return [];
  return [
    {
      code: "server-role-may-not-assume",
      severity: reaches(settings.stage, "server") && !manage ? "blocks" : "warns",
      object,
      seen: serverReasons.join("; "),
      fix: manage
        ? "this update writes the kiam-server role's policy from iam.assumableRoles; if that does not mend it, look for a Deny in its other policies, or changes made by hand (pulumi refresh)"
        : `allow ${serverRole.arn} sts:AssumeRole on ${arn} in a policy of that role`,
    },
  ];
}

function refused({ arn }: ApplicationRoleFacts, { message }: { message: string }): Judgement {
  return {
    code: "assume-role-refused",
    severity: "blocks",
    object: `role/${arn}`,
    seen: `STS refused it to a session of the kiam-server role: ${message}`,
  };
}

/** What could not be checked of a role counts as not safe, once pods depend on it. */
export function trustUnclear(
  settings: Settings,
  object: string,
  seen: string,
  fix: string,
): Judgement {
  return {
    code: "trust-unclear",
    severity: blocksFrom("cutover", settings),
    object,
    seen,
    fix,
  };
}
