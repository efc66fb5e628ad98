/*
 * What the program asks of IAM: the one list of it. The policies in rights/iam and the table in
 * docs/rights.md are made of these rows, and a refusal is explained by them.
 */

/**
 * What a right is for. `look`: audit, status, plan. `move`: updates, which make the kiam-server role
 * and the roles of `iam.applicationRoles`. `trust`: `kiam-migrate trust --approve`, once, for the
 * owner of the application roles.
 */
export type IamPurpose = "look" | "move" | "trust";

/** Which roles, or policies, a right is about. */
export type IamSubject =
  "everything" | "policies" | "server" | "masters" | "workers" | "madeHere" | "applications";

export interface IamRight {
  purpose: IamPurpose;
  actions: readonly string[];
  subjects: readonly IamSubject[];
  why: string;
}

/** ARNs of what a stack has to do with, wildcards allowed; see {@link exampleArns}. */
export type IamArns = Readonly<Record<Exclude<IamSubject, "everything">, readonly string[]>>;

/** As the files have them: to be replaced before they are used. IAM refuses them as they are. */
export const exampleArns: IamArns = {
  policies: ["arn:aws:iam::*:policy/*"],
  server: ["arn:aws:iam::ACCOUNT:role/kiam-server"],
  masters: ["arn:aws:iam::ACCOUNT:role/MASTERS_ROLE"],
  workers: ["arn:aws:iam::ACCOUNT:role/WORKERS_ROLE"],
  madeHere: ["arn:aws:iam::ACCOUNT:role/PROBE_ROLE"],
  applications: ["arn:aws:iam::ACCOUNT:role/APPLICATION_ROLES"],
};

/** What an update reads and writes of a role that it owns. */
const ownRole = [
  "iam:CreateRole",
  "iam:GetRole",
  "iam:UpdateRole",
  "iam:UpdateRoleDescription",
  "iam:UpdateAssumeRolePolicy",
  "iam:DeleteRole",
  "iam:ListRolePolicies",
  "iam:ListAttachedRolePolicies",
  "iam:ListInstanceProfilesForRole",
];

export const iamRights: readonly IamRight[] = [
  {
    purpose: "look",
    actions: ["iam:ListRoles"],
    subjects: ["everything"],
    why: "which roles there are and whom they trust",
  },
  {
    purpose: "look",
    actions: ["iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"],
    subjects: ["server", "masters"],
    why: "whether the masters may assume the kiam-server role, and that one the application roles",
  },
  {
    purpose: "look",
    actions: ["iam:GetPolicy", "iam:GetPolicyVersion"],
    subjects: ["policies"],
    why: "the same, where a policy of its own says so",
  },
  {
    purpose: "move",
    actions: ownRole,
    subjects: ["server", "madeHere"],
    why: "the kiam-server role, and those of iam.applicationRoles",
  },
  {
    purpose: "move",
    actions: ["iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"],
    subjects: ["server", "masters", "workers"],
    why: "masters may assume the kiam-server role, that one the application roles, and, for kube2iam, the workers those of iam.applicationRoles",
  },
  {
    purpose: "move",
    actions: ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
    subjects: ["madeHere"],
    why: "policyArns of iam.applicationRoles",
  },
  {
    purpose: "trust",
    actions: ["iam:GetRole", "iam:UpdateAssumeRolePolicy"],
    subjects: ["applications"],
    why: "application roles trust the kiam-server role as well",
  },
];
