/** The change to an application role's trust policy once kube2iam is gone: the workers' role leaves it. */
import { listOf } from "../text/text.js";
import { gonePrincipals, type TrustDocument, type TrustStatement } from "./trust.js";

/** What a role's trust policy is to become without a principal. */
export interface TrustRemoval {
  current: TrustDocument;
  /** The same object as `current` where nothing has to change, or nothing can. */
  proposed: TrustDocument;
  reason: "trusted" | "absent";
  /** Why it must stay, or why IAM would refuse `proposed`; undefined where it can go. */
  obstacle: string | undefined;
}

/**
 * `document` without `principalArn` in statements that allow without conditions. A statement that
 * then names none goes; denials, conditions and all others stay as they are.
 */
export function withoutTrust(document: TrustDocument, principalArn: string): TrustRemoval {
  const statements = listOf(document.Statement);
  const left = statements.flatMap((statement) => withoutPrincipal(statement, principalArn));
  const touched =
    left.length !== statements.length || left.some((each, index) => each !== statements[index]);
  if (!touched) {
    return { current: document, proposed: document, reason: "absent", obstacle: undefined };
  }
  const keep = (obstacle: string): TrustRemoval => ({
    current: document,
    proposed: document,
    reason: "trusted",
    obstacle,
  });
  if (left.length === 0) {
    return keep(`${principalArn} is all that it trusts: no one could assume the role any more`);
  }
  const gone = left.flatMap(gonePrincipals);
  if (gone.length > 0) {
    return keep(
      `it also names ${gone.join(", ")}, a role or user that was deleted: IAM refuses any change while it is named; remove it first`,
    );
  }
  return {
    current: document,
    proposed: { ...document, Statement: left },
    reason: "trusted",
    obstacle: undefined,
  };
}

/** One statement or, where it named no other, none. */
function withoutPrincipal(statement: TrustStatement, arn: string): TrustStatement[] {
  const { Principal } = statement;
  const conditional = Object.keys(statement.Condition ?? {}).length > 0;
  if (statement.Effect !== "Allow" || conditional || typeof Principal !== "object") {
    return [statement];
  }
  const named = listOf(Principal.AWS);
  if (!named.includes(arn)) return [statement];
  const others = named.filter((one) => one !== arn);
  const kinds = { ...Principal, AWS: others.length === 1 ? (others[0] ?? "") : others };
  if (others.length > 0) return [{ ...statement, Principal: kinds }];
  const rest = Object.entries(Principal).filter(([kind]) => kind !== "AWS");
  return rest.length === 0 ? [] : [{ ...statement, Principal: Object.fromEntries(rest) }];
}
