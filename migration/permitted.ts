import { RE2JS } from "re2js";

/** Annotation by which a namespace permits roles under kiam. */
export const permittedAnnotation = "iam.amazonaws.com/permitted";

/** Annotation by which a namespace restricts roles under kube2iam, with --namespace-restrictions. */
export const allowedRolesAnnotation = "iam.amazonaws.com/allowed-roles";

/** Annotation by which a pod asks for a role, under kube2iam and kiam alike. */
export const roleAnnotation = "iam.amazonaws.com/role";

/**
 * What is wrong with a value of `iam.amazonaws.com/permitted`, or undefined.
 *
 * kiam v4 wraps the value in `^…$`; v2, v3 and v4 without strict matching compile it as it is.
 * It has to be valid Go (RE2) syntax both ways: `*.*` compiles only inside `^…$`, by accident.
 */
export function permittedProblem(pattern: string): string | undefined {
  if (pattern === "") return "is empty: kiam then permits no role at all; write .* for every role";
  for (const expression of [pattern, strict(pattern)]) {
    try {
      RE2JS.compile(expression);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const hint = pattern === "*.*" || pattern === "*" ? "; write .* for every role" : "";
      return `is not a valid Go regular expression (${reason})${hint}`;
    }
  }
  return undefined;
}

/**
 * Whether kiam v4 in its default, strict mode permits a role.
 *
 * @param pattern value of the namespace's annotation; undefined or empty permits nothing
 * @param arn the role's resolved ARN
 * @see kiam pkg/server/policy.go, NamespacePermittedRoleNamePolicy
 */
export function isPermitted(pattern: string | undefined, arn: string): boolean {
  if (pattern === undefined || pattern === "") return false;
  try {
    return RE2JS.compile(strict(pattern)).matcher(arn).find();
  } catch {
    return false;
  }
}

// Without parentheses, as kiam does it: `a|b` becomes `^a|b$`.
function strict(pattern: string): string {
  return `^${pattern}$`;
}

/** The expression that permits one role and no other. */
export function exactly(arn: string): string {
  return RE2JS.quote(arn);
}

/**
 * The ARN that kiam makes of a role as a pod's annotation names it.
 *
 * @param role a name, path/name (with or without leading slash) or full ARN
 * @param baseArn such as `arn:aws:iam::123456789012:role/`
 */
export function resolveRoleArn(role: string, baseArn: string): string {
  return role.startsWith("arn:") ? role : `${baseArn}${role.replace(/^\//, "")}`;
}
