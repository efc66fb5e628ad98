import type { ClusterFacts } from "../../facts/clusterFacts.js";
import type { IamFacts } from "../../facts/iamFacts.js";
import type { Settings } from "../../settings/schema.js";
import { reaches } from "../../stages.js";
import type { Finding } from "../finding.js";
import { blocksFrom } from "../severityFrom.js";
import { trustUnclear } from "./trustUnclear.js";
import { someOf } from "../../text/text.js";

/** The kiam-server role in IAM, and how far IAM could be looked at. */
export function auditServerRole(settings: Settings, { iam }: ClusterFacts): Finding[] {
  if (iam === undefined) return [];
  return [...judgeRole(settings, iam), ...judgeMasters(settings, iam), ...unread(settings, iam)];
}

function judgeRole(settings: Settings, { serverRole }: IamFacts): Finding[] {
  if (serverRole.exists !== false || !reaches(settings.stage, "server")) return [];
  return [
    {
      code: "server-role-missing",
      severity: "blocks",
      object: `role/${serverRole.arn}`,
      seen: "there is no such role",
      why: "kiam's server assumes it, and with it every role of a pod; no role can trust it before it exists",
      fix: settings.iam.manage
        ? "update the stack at stage prepare, which creates it; let the application roles trust it (kiam-migrate trust --stack <name> --approve); then go on"
        : "create it, or correct iam.serverRoleArn",
    },
  ];
}

function judgeMasters(
  settings: Settings,
  { serverRole, mastersMayAssumeServer: masters, unread }: IamFacts,
): Finding[] {
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
      why: "kiam's server runs with the masters' role and could not assume the kiam-server role: no pod would get any role",
      fix: manage
        ? `stage prepare writes both policies for the role named in iam.masterRoleName (${masterRoleName}): correct it if the masters run with another; pulumi refresh shows changes made by hand`
        : `allow ${masterRoleName} sts:AssumeRole on ${serverRole.arn}, and name it in that role's trust policy`,
    },
  ];
}

function unread(settings: Settings, iam: IamFacts): Finding[] {
  const { unread, account, notTried } = iam;
  const findings: Finding[] = [];
  const proven = Object.values(iam.roles).every(({ tried }) => tried?.ok === true);
  if (unread.length > 0) {
    findings.push({
      code: "iam-unread",
      severity: reaches(settings.stage, "cutover") && !proven ? "blocks" : "warns",
      object: "iam",
      seen: someOf(unread),
      why: "whether kiam's server can assume the pods' roles is not known, which counts as not safe from stage cutover on",
      fix: "run it with credentials of the roles' account that may call iam:ListRoles and read the policies of the masters' and the kiam-server role, or acknowledge it",
    });
  } else if (account === undefined) {
    findings.push({
      code: "roles-not-listed",
      severity: "informs",
      object: "iam",
      seen: "the account's roles could not be listed",
      why: "how wide a namespace's permission is can then be judged only by the roles that pods use",
      fix: "allow whoever runs this iam:ListRoles",
    });
  }
  if (notTried !== undefined) {
    findings.push({
      code: "assume-role-not-tried",
      severity: "informs",
      object: "iam",
      seen: notTried,
      why: "the chain is then judged by its policies alone, which do not show permissions boundaries and service control policies",
      fix: "nothing, as a rule: the kiam-server role trusts the masters and nobody else; kiam's server tries every role at stage server",
    });
  }
  return findings;
}
