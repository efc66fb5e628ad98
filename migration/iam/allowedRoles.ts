import { RE2JS } from "re2js";

import { matchesGlob } from "../kube2iam/goGlob.js";
import { defaultRole, flagValue, isOn } from "../kube2iam/flags.js";
import { allowedRolesAnnotation } from "../kiam/permitted.js";
import { asPrefix } from "./roleArn.js";
import type { Situation } from "../situation/situation.js";

/** How kube2iam restricts the roles of a namespace (its --namespace-restrictions). */
export interface Restrictions {
  format: "glob" | "regexp";
  /** What kube2iam puts before an entry that does not begin with `arn:`. */
  baseArn: string;
  /** The default role's ARN, which it allows in every namespace; undefined where there is none. */
  defaultRoleArn: string | undefined;
}

/**
 * @returns undefined where kube2iam restricts nothing, is gone, or keeps the entries in another
 * annotation (--namespace-key) than the facts have
 */
export function kube2iamRestrictions({
  facts,
  kube2iam,
  roleBaseArn,
}: Situation): Restrictions | undefined {
  const flags = facts.kube2iam?.commandLine ?? [];
  const key = flagValue(flags, "namespace-key") ?? allowedRolesAnnotation;
  if (!isOn(flags, "namespace-restrictions") || key !== allowedRolesAnnotation) return undefined;
  const base = kube2iam.baseRoleArn;
  const baseArn = base === "" ? (roleBaseArn ?? "") : asPrefix(base);
  const format = flagValue(flags, "namespace-restriction-format")?.toLowerCase();
  const byDefault = defaultRole(flags);
  return {
    format: format === "regexp" ? "regexp" : "glob",
    baseArn,
    defaultRoleArn:
      typeof byDefault === "object" ? kube2iamArn(byDefault.name, baseArn) : undefined,
  };
}

/** The ARN that kube2iam makes of a role or of an entry of allowed-roles. */
function kube2iamArn(role: string, baseArn: string): string {
  return /^arn:/i.test(role) ? role : `${baseArn}${role}`;
}

/**
 * The entries of a namespace's `iam.amazonaws.com/allowed-roles`, a JSON array; none where it is
 * absent or no such thing, as kube2iam has it. An entry that is no string counts as empty.
 */
export function parseAllowedRoles(annotation: string | undefined): string[] {
  let value: unknown;
  try {
    value = JSON.parse(annotation ?? "");
  } catch {
    return [];
  }
  if (!Array.isArray(value)) return [];
  return value.map((entry) => (typeof entry === "string" ? entry : ""));
}

/**
 * Whether kube2iam's restrictions allow a role, its default role apart.
 *
 * @see kube2iam mappings/mapper.go, checkRoleForNamespace
 */
export function isAllowed(
  entries: readonly string[],
  arn: string,
  { format, baseArn }: Pick<Restrictions, "format" | "baseArn">,
): boolean {
  return entries.some((entry) => {
    const pattern = kube2iamArn(entry, baseArn);
    return format === "glob" ? matchesGlob(pattern, arn) : (regexp(pattern)?.test(arn) ?? false);
  });
}

/**
 * The same as RE2 expressions of which one has to match the whole ARN; an entry that can match
 * nothing is left out. Each is safe to put beside others with `|`.
 */
export function allowedExpressions(
  entries: readonly string[],
  { format, baseArn }: Pick<Restrictions, "format" | "baseArn">,
): string[] {
  return entries.flatMap((entry) => {
    const pattern = kube2iamArn(entry, baseArn);
    if (format === "glob") return pattern === "" ? [] : [globExpression(pattern)];
    return regexp(pattern) === undefined ? [] : [wholeExpression(pattern)];
  });
}

function globExpression(pattern: string): string {
  return pattern
    .replace(/\*+/g, "*")
    .split("*")
    .map((part) => RE2JS.quote(part))
    .join(".*");
}

/** kube2iam is content with a match anywhere in the ARN. */
function wholeExpression(pattern: string): string {
  // With these, the first and the last character may not be what they seem.
  if (/[|\\()[\]]|^\^[*+?{]/.test(pattern)) return `.*(?:${pattern}).*`;
  const start = pattern.startsWith("^") ? pattern.slice(1) : `.*${pattern}`;
  return start.endsWith("$") ? start.slice(0, -1) : start.endsWith(".*") ? start : `${start}.*`;
}

const compiled = new Map<string, RE2JS | undefined>();

function regexp(pattern: string): RE2JS | undefined {
  if (!compiled.has(pattern)) {
    let expression: RE2JS | undefined;
    try {
      expression = RE2JS.compile(pattern);
    } catch {
      // kube2iam logs it, and lets nothing match.
    }
    compiled.set(pattern, expression);
  }
  return compiled.get(pattern);
}
