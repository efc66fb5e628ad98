import { RE2JS } from "re2js";

import { messageOf } from "../text/text.js";

/** Annotation by which a namespace permits roles under kiam. */
export const permittedAnnotation = "iam.amazonaws.com/permitted";

/** Annotation by which a namespace restricts roles under kube2iam, with --namespace-restrictions. */
export const allowedRolesAnnotation = "iam.amazonaws.com/allowed-roles";

/** Annotation by which a pod asks for a role, under kube2iam and kiam alike. */
export const roleAnnotation = "iam.amazonaws.com/role";

/**
 * How kiam matches `iam.amazonaws.com/permitted`. The expression need not match all of the text
 * but in strict mode, where kiam puts `^` and `$` around it, without parentheses.
 *
 * strict: v4, against the role's ARN. unanchored: v4 with --disable-strict-namespace-regexp, also
 * against the ARN. as-written: v2 and v3, against the role as the pod's annotation names it.
 *
 * @see kiam pkg/server/policy.go, NamespacePermittedRoleNamePolicy, at v2.8, v3.6 and v4.2
 */
export type PermittedMode = "strict" | "unanchored" | "as-written";

/**
 * What is wrong with a value of `iam.amazonaws.com/permitted`, or undefined.
 *
 * It has to be valid Go (RE2) syntax in every mode: `*.*` compiles only inside `^…$`, by accident.
 */
export function permittedProblem(pattern: string): string | undefined {
  if (pattern === "") return "is empty: kiam then permits no role at all; write .* for every role";
  const reason = whyInvalid(pattern, "unanchored") ?? whyInvalid(pattern, "strict");
  if (reason === undefined) return undefined;
  const hint = pattern === "*.*" || pattern === "*" ? "; write .* for every role" : "";
  return `is not a valid Go regular expression (${reason})${hint}`;
}

/** Why kiam cannot compile an expression, or undefined; it then refuses the namespace every role. */
export function whyInvalid(pattern: string, mode: PermittedMode): string | undefined {
  const compiled = compile(expressionOf(pattern, mode));
  return typeof compiled === "string" ? compiled : undefined;
}

/**
 * Whether kiam permits a role.
 *
 * @param pattern value of the namespace's annotation; undefined or empty permits nothing
 * @param role its resolved ARN; in mode as-written, as the pod's annotation names it
 */
export function isPermitted(
  pattern: string | undefined,
  role: string,
  mode: PermittedMode = "strict",
): boolean {
  if (pattern === undefined || pattern === "") return false;
  const compiled = compile(expressionOf(pattern, mode));
  return typeof compiled !== "string" && compiled.test(role);
}

// Without parentheses, as kiam does it: `a|b` becomes `^a|b$`.
function expressionOf(pattern: string, mode: PermittedMode): string {
  return mode === "strict" ? `^${pattern}$` : pattern;
}

/** Compiling costs far more than matching, and an audit matches few expressions with many roles. */
const compiled = new Map<string, RE2JS | string>();

/** @returns what is wrong with it where it is not valid */
function compile(expression: string): RE2JS | string {
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  let result: RE2JS | string;
  try {
    result = RE2JS.compile(expression);
  } catch (error) {
    result = messageOf(error);
  }
  compiled.set(expression, result);
  return result;
}

/** The expression that permits one role and no other. */
export function exactly(arn: string): string {
  return RE2JS.quote(arn);
}

/**
 * What kiam matches an expression against where a pod names the role by its shortest name.
 *
 * @param baseArn such as `arn:aws:iam::123456789012:role/`
 */
export function matchedName(arn: string, baseArn: string, mode: PermittedMode): string {
  return mode === "as-written" && arn.startsWith(baseArn) ? arn.slice(baseArn.length) : arn;
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
