/** The operator's step between the stages prepare and server: application roles trust kiam. */
import type { IAMClient } from "@aws-sdk/client-iam";
import { applyTrust, readTrust, type ShownTrust } from "../../automation/applyTrust.js";
import { trustAddition } from "../../migration/iam/trustAddition.js";

/** What happened to one role. */
export interface TrustOutcome {
  role: string;
  changed: boolean;
}

/**
 * Lets `principalArn` (the kiam server's role) assume each role, in addition to those who may.
 * Safe to run again: a role that already trusts the principal is not written.
 *
 * @param roleNames names without path
 * @throws Error that names every role that could not be changed, and why
 */
export async function addTrust(
  iam: IAMClient,
  roleNames: readonly string[],
  principalArn: string,
): Promise<TrustOutcome[]> {
  const changes = await Promise.all(
    roleNames.map(async (arn): Promise<ShownTrust> => {
      return { arn, ...trustAddition(await readTrust(iam, arn), principalArn) };
    }),
  );
  const { written, failed } = await applyTrust(iam, changes);
  if (failed.length > 0) {
    const each = failed.map(({ arn, message }) => `  role ${arn}: ${message}`);
    throw new Error(`adding ${principalArn} to trust policies:\n${each.join("\n")}`);
  }
  return roleNames.map((role) => ({ role, changed: written.includes(role) }));
}
