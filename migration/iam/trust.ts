import { listOf, type OneOrMore } from "../text/text.js";
import { awsPrincipals, isUniqueId, type Principals } from "./principals.js";

/** A role's trust policy, and the statement in it that lets the kiam server assume the role. */

export interface TrustStatement {
  Sid?: string;
  Effect: "Allow" | "Deny";
  Principal?: "*" | Principals;
  Action?: OneOrMore<string>;
  Condition?: Record<string, unknown>;
  [element: string]: unknown;
}

export interface TrustDocument {
  Version?: string;
  Statement: OneOrMore<TrustStatement>;
  [element: string]: unknown;
}

/** Sid of the statement that is the migration's own; no other statement is ever changed. */
export const trustSid = "KiamServer";

/** Principals of a statement that are gone. */
export function gonePrincipals(statement: TrustStatement): string[] {
  return awsPrincipals(statement).filter(isUniqueId);
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
 * `document` with a statement that lets `principalArn` assume the role. Additive: what is
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

/** Whether a statement is the migration's own. */
export function isOwn(statement: TrustStatement): boolean {
  return statement.Sid === trustSid;
}
