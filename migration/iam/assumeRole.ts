import { matchesIamPattern } from "./pattern.js";
import { listOf, type OneOrMore } from "../text/text.js";
import { awsPrincipals, isUniqueId, type Principals } from "./principals.js";

/**
 * Whether a role may assume another, judged from policy documents alone; it explains an
 * AccessDenied, it does not replace STS.
 *
 * Semantics of IAM for sts:AssumeRole: an explicit Deny wins, else an Allow is needed. Looked at
 * are Action and NotAction, Resource and NotResource, AWS principals; whatever depends on the
 * request (conditions, policy variables, NotPrincipal, one session of a role) gives "unknown".
 * Not looked at: permissions boundaries and service control policies.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */

export interface PolicyStatement {
  Effect: "Allow" | "Deny";
  Action?: OneOrMore<string>;
  NotAction?: OneOrMore<string>;
  Resource?: OneOrMore<string>;
  NotResource?: OneOrMore<string>;
  Principal?: "*" | Principals;
  NotPrincipal?: unknown;
  Condition?: Record<string, unknown>;
}

export interface PolicyDocument {
  Statement: OneOrMore<PolicyStatement>;
}

export interface AssumeRoleQuestion {
  caller: {
    /** ARN of the role that calls. */
    arn: string;
    /** Its unique id (AROA…), which tells a role from an earlier one of the same name. */
    id?: string;
    /** Its identity policies, inline and attached; undefined where they could not be read. */
    policies: PolicyDocument[] | undefined;
  };
  target: {
    arn: string;
    /** Its trust policy; undefined where it could not be read. */
    trust: PolicyDocument | undefined;
  };
}

export type Verdict = "allowed" | "denied" | "unknown";

export interface AssumeRoleAnswer {
  /**
   * Both halves together. Stricter than AWS within one account, where a trust policy that names
   * the caller's ARN suffices: kiam's own advice is to have both, and only both survive a move
   * of the role to another account.
   */
  allowed: Verdict;
  /** The caller's identity policies let it call sts:AssumeRole on the target. */
  identity: Verdict;
  /** The target's trust policy lets the caller in. */
  trust: Verdict;
  /** Whether a statement of the trust policy denies the caller, whatever others allow. */
  trustDenies: boolean;
  /** Why each half that is not allowed is not. */
  reasons: string[];
  /** Those of them that are about the caller's identity policies. */
  identityReasons: string[];
}

const action = "sts:AssumeRole";

export function evaluateAssumeRole({ caller, target }: AssumeRoleQuestion): AssumeRoleAnswer {
  const identity = judgeIdentity(caller, target.arn);
  const trust = judgeTrust(target, caller);
  return {
    allowed: both(identity.verdict, trust.verdict),
    identity: identity.verdict,
    trust: trust.verdict,
    trustDenies: trust.denies,
    reasons: [...identity.reasons, ...trust.reasons],
    identityReasons: identity.reasons,
  };
}

interface Judged {
  verdict: Verdict;
  /** Whether a statement denies it, whatever others allow. */
  denies: boolean;
}

interface Half extends Judged {
  reasons: string[];
}

function judgeIdentity(caller: AssumeRoleQuestion["caller"], target: string): Half {
  const statements = caller.policies?.flatMap(statementsOf);
  const judged = judge(statements, (statement) =>
    both(matchesAction(statement), matchesResource(statement, target)),
  );
  const reason =
    statements === undefined
      ? `the policies of ${caller.arn} could not be read`
      : judged.verdict === "unknown"
        ? `whether the policies of ${caller.arn} allow ${action} on ${target} depends on conditions or variables`
        : judged.denies
          ? `a policy of ${caller.arn} denies ${action} on ${target}`
          : `no policy of ${caller.arn} allows ${action} on ${target}`;
  return { ...judged, reasons: judged.verdict === "allowed" ? [] : [reason] };
}

function judgeTrust(
  { arn, trust }: AssumeRoleQuestion["target"],
  caller: AssumeRoleQuestion["caller"],
): Half {
  const statements = trust && statementsOf(trust);
  const judged = judge(statements, (statement) =>
    both(matchesAction(statement), matchesPrincipal(statement, caller)),
  );
  if (statements === undefined) {
    return { ...judged, reasons: [`the trust policy of ${arn} could not be read`] };
  }
  if (judged.verdict === "allowed") return { ...judged, reasons: [] };
  const reasons = [
    judged.verdict === "unknown"
      ? `whether the trust policy of ${arn} lets ${caller.arn} in depends on conditions or on what cannot be told from documents`
      : judged.denies
        ? `the trust policy of ${arn} denies ${caller.arn}`
        : `the trust policy of ${arn} does not name ${caller.arn}`,
  ];
  const gone = statements
    .flatMap(awsPrincipals)
    .filter((one) => isUniqueId(one) && one !== caller.id);
  if (gone.length > 0) {
    reasons.push(
      `the trust policy of ${arn} names ${gone.join(", ")}, a role or user that was deleted: one created anew under the same name is another principal, and has to be named again`,
    );
  }
  return { ...judged, reasons };
}

function judge(
  statements: PolicyStatement[] | undefined,
  matches: (statement: PolicyStatement) => Verdict,
): Judged {
  if (statements === undefined) return { verdict: "unknown", denies: false };
  const verdicts = statements.map((statement) => ({
    effect: statement.Effect,
    verdict: conditional(statement, matches(statement)),
  }));
  const any = (effect: "Allow" | "Deny", verdict: Verdict) =>
    verdicts.some((each) => each.effect === effect && each.verdict === verdict);
  if (any("Deny", "allowed")) return { verdict: "denied", denies: true };
  const sure = any("Allow", "allowed") && !any("Deny", "unknown");
  const may = any("Allow", "allowed") || any("Allow", "unknown");
  return { verdict: sure ? "allowed" : may ? "unknown" : "denied", denies: false };
}

/** A statement with conditions that matches otherwise depends on the request. */
function conditional(statement: PolicyStatement, verdict: Verdict): Verdict {
  const conditions = Object.keys(statement.Condition ?? {}).length;
  return verdict === "allowed" && conditions > 0 ? "unknown" : verdict;
}

function both(one: Verdict, other: Verdict): Verdict {
  if (one === "denied" || other === "denied") return "denied";
  return one === "unknown" || other === "unknown" ? "unknown" : "allowed";
}

function matchesAction(statement: PolicyStatement): Verdict {
  const covers = (patterns: OneOrMore<string>) =>
    listOf(patterns).some((pattern) =>
      matchesIamPattern(pattern.toLowerCase(), action.toLowerCase()),
    );
  if (statement.Action !== undefined) return covers(statement.Action) ? "allowed" : "denied";
  if (statement.NotAction !== undefined) return covers(statement.NotAction) ? "denied" : "allowed";
  return "denied";
}

function matchesResource(statement: PolicyStatement, arn: string): Verdict {
  const excluded = statement.Resource === undefined;
  const patterns = listOf(statement.Resource ?? statement.NotResource ?? []);
  if (patterns.length === 0) return "denied";
  if (patterns.some((pattern) => !pattern.includes("${") && matchesIamPattern(pattern, arn))) {
    return excluded ? "denied" : "allowed";
  }
  if (patterns.some((pattern) => pattern.includes("${"))) return "unknown";
  return excluded ? "allowed" : "denied";
}

function matchesPrincipal(
  statement: PolicyStatement,
  caller: AssumeRoleQuestion["caller"],
): Verdict {
  if (statement.NotPrincipal !== undefined) return "unknown";
  if (statement.Principal === "*") return "allowed";
  const [, , , , account = "", resource = ""] = caller.arn.split(":");
  const partition = caller.arn.split(":")[1] ?? "aws";
  const roleName = resource.slice(resource.lastIndexOf("/") + 1);
  const accepted = new Set([
    "*",
    caller.arn,
    account,
    `arn:${partition}:iam::${account}:root`,
    ...(caller.id === undefined ? [] : [caller.id]),
  ]);
  const principals = awsPrincipals(statement);
  if (principals.some((principal) => accepted.has(principal))) return "allowed";
  const session = `arn:${partition}:sts::${account}:assumed-role/${roleName}/`;
  if (principals.some((principal) => principal.startsWith(session))) return "unknown";
  // Without the caller's id nothing tells whether an id in the document is the caller's.
  return caller.id === undefined && principals.some(isRoleId) ? "unknown" : "denied";
}

function isRoleId(principal: string): boolean {
  return isUniqueId(principal) && principal.startsWith("AROA");
}

function statementsOf(document: PolicyDocument): PolicyStatement[] {
  return listOf(document.Statement);
}
