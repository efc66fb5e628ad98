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
