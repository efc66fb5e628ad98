/** Parts of `arn:<partition>:iam::<account>:role/<path><name>`. */

/** Last part of a role's ARN or path, which is its name. */
export function roleName(role: string): string {
  return role.slice(role.lastIndexOf("/") + 1);
}

/** The 12 digits of the account that a role belongs to; empty where it is no ARN. */
export function accountOf(arn: string): string {
  return arn.split(":")[4] ?? "";
}

/** A base ARN that role names can be put behind; kube2iam's may lack the slash at its end. */
export function asPrefix(baseArn: string): string {
  return baseArn.endsWith("/") ? baseArn : `${baseArn}/`;
}

/**
 * ARN of a role in the account of another one.
 *
 * @param sibling ARN, or prefix of ARNs, in the same partition and account
 * @param path with a slash before and after; `/` for none
 */
export function roleArnBeside(sibling: string, name: string, path = "/"): string {
  return `${sibling.replace(/:role\/.*$/, ":role")}${path}${name}`;
}

/**
 * Whether AWS keeps a role for itself (service-linked roles, and those that IAM Identity Center
 * makes): their trust policies cannot be changed, so that no pod can use them.
 */
export function isReserved(arn: string): boolean {
  return /:role\/aws-(service-role|reserved)\//.test(arn);
}

/**
 * Every form in which kube2iam and kiam may name the role of a pod in the list of credentials.
 *
 * kiam answers the annotation as it is written; kube2iam strips its --base-role-arn from the
 * role's ARN, which may hold a part of the role's path.
 *
 * @param role as the pod's annotation names it: a name, path/name or ARN
 * @see kiam pkg/aws/metadata/handler_role_name.go, kube2iam server/server.go
 */
export function roleForms(role: string): string[] {
  const resource = role.startsWith("arn:") ? role.slice(role.indexOf(":role/") + 6) : role;
  const parts = resource.replace(/^\//, "").split("/");
  return [...new Set([role, ...parts.map((_, index) => parts.slice(index).join("/"))])];
}
