/** The change to an application role's trust policy that lets the kiam server assume it. */
import { evaluateAssumeRole } from "./assumeRole.js";

/** One principal or several, by kind (AWS, Service, Federated, CanonicalUser). */
type Principals = Record<string, string | string[]>;

export interface TrustStatement {
  Sid?: string;
  Effect: "Allow" | "Deny";
  Principal?: "*" | Principals;
  Action?: string | string[];
  Condition?: Record<string, unknown>;
  [element: string]: unknown;
}

export interface TrustDocument {
  Version?: string;
  Statement: TrustStatement | TrustStatement[];
  [element: string]: unknown;
}

/** Sid of the statement that is the migration's own; no other statement is ever changed. */
export const trustSid = "KiamServer";

const listOf = <T>(value: T | T[] | undefined): T[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

const awsPrincipals = (statement: TrustStatement): string[] =>
  typeof statement.Principal === "object" ? listOf(statement.Principal.AWS) : [];

/**
 * Principals that IAM shows by their unique id. It does so only where the role or user is
 * gone (even if one of that name exists again), and then refuses every document that still
 * holds the id.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
export function gonePrincipals(statement: TrustStatement): string[] {
  return awsPrincipals(statement).filter((one) => /^A(ROA|IDA)[A-Z0-9]+$/.test(one));
}

function lets(statement: TrustStatement, principalArn: string): boolean {
  return (
    statement.Effect === "Allow" &&
    statement.Condition === undefined &&
    awsPrincipals(statement).includes(principalArn) &&
    listOf(statement.Action).includes("sts:AssumeRole")
  );
}

/**
 * `document` with a statement that lets `principalArn` assume the role. Additive: whoever is
 * trusted stays trusted, and what was allowed or denied stays so. A document that already
 * lets the principal in is returned as it is (the same object), so a rerun changes nothing.
 *
 * The migration's own statement keeps the principals it names, but for those that are gone.
 */
export function withTrust(document: TrustDocument, principalArn: string): TrustDocument {
  const statements = listOf(document.Statement);
  if (statements.some((statement) => lets(statement, principalArn))) {
    return document;
  }
  const own = statements.find(isOwn);
  const gone = own ? gonePrincipals(own) : [];
  const kept = own ? awsPrincipals(own).filter((one) => !gone.includes(one)) : [];
  const named = [...new Set([...kept, principalArn])];
  const statement: TrustStatement = {
    Sid: trustSid,
    Effect: "Allow",
    Principal: { AWS: named.length === 1 ? principalArn : named },
    Action: "sts:AssumeRole",
  };
  return {
    ...document,
    Statement: own
      ? statements.map((one) => (one === own ? statement : one))
      : [...statements, statement],
  };
}

/** What a role's trust policy is to become, and why. */
export interface TrustChange {
  current: TrustDocument;
  /** The same object as `current` where nothing has to change. */
  proposed: TrustDocument;
  /** The statement that `proposed` has anew, or in another form; undefined where nothing changes. */
  statement: TrustStatement | undefined;
  /**
   * missing: the principal is not named. recreated: a role that is gone is named, and the principal
   * is not: it was created anew, which makes it another one. present: it may assume the role.
   */
  reason: "missing" | "recreated" | "present";
  /** Why IAM would refuse `proposed`, or it would be of no use, and what to do; else undefined. */
  obstacle: string | undefined;
}

/**
 * The change that lets `principalArn` assume the role; see {@link withTrust}.
 *
 * @param principalId its unique id (AROA…), where it is known
 */
export function trustChange(
  document: TrustDocument,
  principalArn: string,
  principalId?: string,
): TrustChange {
  const caller = { arn: principalArn, id: principalId ?? "none", policies: undefined };
  const trusted = (trust: TrustDocument) =>
    evaluateAssumeRole({ caller, target: { arn: "", trust } }).trust;
  const proposed = trusted(document) === "allowed" ? document : withTrust(document, principalArn);
  const denied = trusted(proposed) === "denied" ? deniedObstacle(principalArn) : undefined;
  if (proposed === document) {
    return {
      current: document,
      proposed,
      statement: undefined,
      reason: "present",
      obstacle: denied,
    };
  }
  const gone = (statements: TrustStatement[]) => statements.flatMap(gonePrincipals);
  const left = gone(listOf(proposed.Statement));
  return {
    current: document,
    proposed,
    statement: listOf(proposed.Statement).find(isOwn),
    reason: gone(listOf(document.Statement)).length > 0 ? "recreated" : "missing",
    obstacle: left.length > 0 ? goneObstacle(left) : denied,
  };
}

function deniedObstacle(principalArn: string): string {
  return `a statement of its trust policy denies ${principalArn}, which no other statement can allow again: take the denial out by hand, if it is not meant`;
}

/** IAM itself says "Invalid principal in policy" and no more. */
function goneObstacle(ids: readonly string[]): string {
  return (
    `its trust policy names ${ids.join(", ")}, a role or user that was deleted (and perhaps ` +
    "created again: it is another one then). IAM refuses any change while it is named: " +
    "replace it by the ARN of the new one, or remove it, then run this again"
  );
}

function isOwn(statement: TrustStatement): boolean {
  return statement.Sid === trustSid;
}
