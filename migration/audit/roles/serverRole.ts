import type { IamFacts } from "../../facts/iamFacts.js";
import type { Settings } from "../../settings/schema.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import { blocksFrom, type Judgement } from "../judgement.js";
import { trustUnclear } from "./trust.js";
import { someOf } from "../../text/text.js";

/** The kiam-server role in IAM, and how far IAM could be looked at. */
export function auditServerRole({ settings, facts: { iam } }: Situation): Judgement[] {
  if (iam === undefined) return [];
  return [...judgeRole(settings, iam), ...judgeMasters(settings, iam), ...unread(settings, iam)];
}

function judgeRole(settings: Settings, { serverRole }: IamFacts): Judgement[] {
  if (serverRole.exists !== false || !reaches(settings.stage, "server")) return [];
  return [
    {
      code: "server-role-missing",
      severity: "blocks",
      object: `role/${serverRole.arn}`,
      seen: "there is no such role",
      fix: settings.iam.manage
        ? "update the stack at stage prepare, which creates it; let the application roles trust it (kiam-migrate trust --stack <name> --approve); then go on"
        : "create it, or correct iam.serverRoleArn",
    },
  ];
}

function judgeMasters(
  settings: Settings,
  { serverRole, mastersMayAssumeServer: masters, unread }: IamFacts,
): Judgement[] {
  const object = `role/${serverRole.arn}`;
  if (masters === undefined || masters.verdict === "allowed") return [];
  const { manage, masterRoleName } = settings.iam;
  if (masters.verdict === "unknown") {
    if (unread.length > 0) return [];
    return [
      trustUnclear(
        settings,
        object,
        masters.reasons.join("; "),
        `allow the masters' role ${masterRoleName} to assume it without conditions, or acknowledge it`,
      ),
    ];
  }
  return [
    {
      code: "masters-may-not-assume-server",
      severity: blocksFrom("server", settings),
      object,
      seen: masters.reasons.join("; "),
      fix: manage
        ? `stage prepare writes both policies for the role named in iam.masterRoleName (${masterRoleName}): correct it if the masters run with another; pulumi refresh shows changes made by hand`
        : `allow ${masterRoleName} sts:AssumeRole on ${serverRole.arn}, and name it in that role's trust policy`,
    },
  ];
}

function unread(settings: Settings, iam: IamFacts): Judgement[] {
  const { unread, account, notTried } = iam;
  const findings: Judgement[] = [];
  const proven = Object.values(iam.roles).every(({ tried }) => tried?.ok === true);
  if (unread.length > 0) {
    findings.push({
      code: "iam-unread",
      severity: reaches(settings.stage, "cutover") && !proven ? "blocks" : "warns",
      object: "iam",
      seen: someOf(unread),
    });
  } else if (account === undefined) {
    findings.push({
      code: "roles-not-listed",
      severity: "informs",
      object: "iam",
      seen: "the account's roles could not be listed",
    });
  }
  if (notTried !== undefined) {
    findings.push({
      code: "assume-role-not-tried",
      severity: "informs",
      object: "iam",
      seen: notTried,
    });
  }
  return findings;
}
