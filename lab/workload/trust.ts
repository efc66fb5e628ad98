/** The operator's step between the stages prepare and server: application roles trust kiam. */
import { GetRoleCommand, UpdateAssumeRolePolicyCommand, type IAMClient } from "@aws-sdk/client-iam";
import { gonePrincipals, withTrust, type TrustDocument } from "../../migration/trust.js";

/** What happened to one role. */
export interface TrustChange {
  role: string;
  changed: boolean;
}

/**
 * Lets `principalArn` (the kiam server's role) assume each role, in addition to whoever may.
 * Safe to run again: a role that already trusts the principal is not written.
 *
 * @param roleNames names without path
 */
export async function addTrust(
  iam: IAMClient,
  roleNames: readonly string[],
  principalArn: string,
): Promise<TrustChange[]> {
  const changes: TrustChange[] = [];
  for (const role of roleNames) {
    try {
      const before = await readTrust(iam, role);
      const after = withTrust(before, principalArn);
      if (after !== before) {
        refuseGone(after);
        await writeTrust(iam, role, after);
      }
      changes.push({ role, changed: after !== before });
    } catch (cause) {
      throw new Error(`adding ${principalArn} to the trust policy of role ${role}`, { cause });
    }
  }
  return changes;
}

/** IAM would say "Invalid principal in policy" and no more. */
function refuseGone({ Statement }: TrustDocument) {
  const gone = (Array.isArray(Statement) ? Statement : [Statement]).flatMap(gonePrincipals);
  if (gone.length > 0) {
    throw new Error(
      `its trust policy names ${gone.join(", ")}, a role or user that was deleted (and perhaps ` +
        "created again: it is another one then). IAM refuses any change while it is named: " +
        "replace it by the ARN of the new one, or remove it, then run this again",
    );
  }
}

export async function readTrust(iam: IAMClient, role: string): Promise<TrustDocument> {
  const answer = await iam.send(new GetRoleCommand({ RoleName: role }));
  const text = decodeURIComponent(answer.Role?.AssumeRolePolicyDocument ?? "");
  return JSON.parse(text) as TrustDocument;
}

export async function writeTrust(iam: IAMClient, role: string, document: TrustDocument) {
  const text = JSON.stringify(document);
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: role, PolicyDocument: text }));
}
