import { evaluateAssumeRole } from "./assumeRole.js";
import { listOf } from "../text/text.js";
import {
  gonePrincipals,
  isOwn,
  withTrust,
  type TrustDocument,
  type TrustStatement,
} from "./trust.js";

/** What a role's trust policy is to become, and why. */
export interface TrustAddition {
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
 * The change that lets `principalArn` assume the role; see `withTrust`.
 *
 * @param principalId its unique id (AROA…), where it is known
 */
export function trustAddition(
  document: TrustDocument,
  principalArn: string,
  principalId?: string,
): TrustAddition {
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
