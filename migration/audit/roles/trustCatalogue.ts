import type { Catalogue } from "../entry.js";

const accessDenied =
  "kiam's server would get AccessDenied for it: stage server would not be verified, and from the cutover on its pods would have no credentials.";

/** The chain of roles in IAM: masters → kiam-server → application. */
export const trustFindings = {
  "assume-role-not-tried": {
    title: "No real AssumeRole was made",
    severities: ["informs"],
    cause:
      "It was asked for (--try-assume-role), and the operator's own credentials may not assume the kiam-server role, or STS could not be reached.",
    consequence:
      "The chain is judged by its policies alone, which do not show permissions boundaries and service control policies.",
    cure: "Nothing, as a rule: the kiam-server role should trust the masters alone, and kiam's server tries every role at stage server.",
    acknowledgeable: true,
    seenIn: ["assumeRole"],
  },
  "assume-role-refused": {
    title: "STS refuses a role although the policies allow it",
    severities: ["blocks"],
    cause:
      "A real AssumeRole, with a session of the kiam-server role as kiam's server has it, was answered AccessDenied.",
    consequence:
      "kiam's server will be refused it as well: its pods would have no credentials from the cutover on.",
    cure: "The policies of both roles allow it: wait a minute if they have just been changed; else look for a permissions boundary or a service control policy.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["assumeRole"],
  },
  "iam-unread": {
    title: "IAM could not be read",
    severities: ["warns", "blocks"],
    cause:
      "There are no AWS credentials, or they are of another account, or they may not read roles and policies. Blocks from stage cutover on, unless a real AssumeRole of every role succeeded.",
    consequence:
      "Whether kiam's server can assume the pods' roles is not known, which counts as not safe from stage cutover on.",
    cure: "Run it with credentials of the roles' account that have the policy of rights/iam/look.json (docs/rights.md).",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
  },
  "masters-may-not-assume-server": {
    title: "The masters' role may not assume the kiam-server role",
    severities: ["warns", "blocks"],
    cause:
      "The masters' policies do not allow sts:AssumeRole on it, or its trust policy does not name them. Blocks from stage server on.",
    consequence:
      "kiam's server runs with the masters' role, and gets AccessDenied for everything: no pod would have a role.",
    cure: "Correct iam.masterRoleName where the masters run with another role; else add what is missing.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
    source: "kiam docs/IAM.md",
  },
  "role-does-not-trust-server": {
    title: "A role that pods use does not trust the kiam-server role",
    severities: ["warns", "blocks"],
    cause:
      "Its trust policy names neither the kiam-server role nor the workers' role, or it denies the kiam-server role. Blocks from stage server on, where kiam's server is verified by fetching every role.",
    consequence: accessDenied,
    cure: "`kiam-migrate trust --stack <name>` shows the statement to add, and with --approve adds it; what is trusted already stays so. A denial has to be taken out by hand.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
    source: "kiam docs/IAM.md",
  },
  "role-missing": {
    title: "Pods ask for a role that does not exist",
    severities: ["blocks"],
    cause:
      "The account has no role of that ARN; perhaps one of that name under another path. Roles that this program creates itself (iam.applicationRoles) do not count.",
    consequence:
      "Neither kube2iam nor kiam can supply it, and kiam's server would not be verified.",
    cure: "Create the role, or correct the annotation.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
  },
  "role-trusts-only-workers": {
    title: "A role that pods use trusts the workers' role alone",
    severities: ["warns", "blocks"],
    cause:
      "Its trust policy is as kube2iam needs it: it names the workers' role and not the kiam-server role. Blocks from stage server on.",
    consequence: accessDenied,
    cure: "`kiam-migrate trust --stack <name>` shows the statement to add, and with --approve adds it. The workers stay trusted until kube2iam is retired.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
    source: "kiam docs/IAM.md, kube2iam README",
  },
  "roles-not-listed": {
    title: "The account's roles could not be listed",
    severities: ["informs"],
    cause: "iam:ListRoles is refused.",
    consequence:
      "How wide a namespace's permission is can be judged only by the roles that pods use.",
    cure: "Get permission for iam:ListRoles.",
    acknowledgeable: true,
    seenIn: ["iam"],
  },
  "server-role-may-not-assume": {
    title: "The kiam-server role's policies do not let it assume a role that pods use",
    severities: ["warns", "blocks"],
    cause:
      "No policy of the kiam-server role allows sts:AssumeRole on it, or one denies it. Blocks from stage server on, but where iam.manage is on: the update itself writes that policy.",
    consequence: accessDenied,
    cure: "Allow it in a policy of the kiam-server role; look for a Deny.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
  },
  "server-role-missing": {
    title: "The kiam-server role does not exist",
    severities: ["blocks"],
    cause:
      "Stage server or a later one is asked for, and there is no such role: stage prepare was left out, or it was deleted.",
    consequence: "No role can trust it, so that kiam's server could fetch none.",
    cure: "Update at stage prepare first; with iam.manage off, create it or correct iam.serverRoleArn.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
  },
  "trust-names-gone-role": {
    title: "A trust policy names a role that was deleted",
    severities: ["warns", "blocks"],
    cause:
      "IAM shows a principal by its unique id (AROA…) once it is gone, as when the kiam-server role was deleted and created anew. Blocks from stage server on where the policy does not name the role there is now; else warns.",
    consequence:
      "A role created anew under the same name is another principal, which the policy does not trust: AccessDenied for these pods from the cutover on. And IAM refuses any change of the policy while the id is named.",
    cure: "`kiam-migrate trust --stack <name> --approve` replaces it in its own statement (Sid KiamServer); take it out of others by hand.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
    source: "IAM User Guide, AWS JSON policy elements: Principal",
  },
  "trust-unclear": {
    title: "Whether a role can be assumed cannot be told from its policies",
    severities: ["warns", "blocks"],
    cause:
      "The answer depends on conditions or policy variables, or the role belongs to another account. Blocks from stage cutover on. A real AssumeRole that succeeds makes it go away.",
    consequence: "Whether kiam's server can assume it will only be known when it tries.",
    cure: "Add a statement without conditions, or look for yourself and acknowledge it.",
    acknowledgeable: true,
    onlyForward: true,
    seenIn: ["iam"],
  },
} as const satisfies Catalogue;
