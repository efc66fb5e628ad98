import { isDeepStrictEqual } from "node:util";

import type { IAMClient } from "@aws-sdk/client-iam";
import pMap from "p-map";

import { withMissingRight } from "../migration/rights/missingRight.js";
import { messageOf } from "../migration/text/text.js";
import { parsePolicy } from "../migration/iam/policyDocument.js";
import { roleName } from "../migration/iam/roleArn.js";
import type { TrustDocument } from "../migration/iam/trust.js";

/** A trust policy as the operator was shown it, and what it is to become. */
export interface ShownTrust {
  /** The role's ARN, or its name. */
  arn: string;
  current: TrustDocument;
  proposed: TrustDocument;
  /** Why it cannot be written; it is then not tried. */
  obstacle?: string | undefined;
}

/** What became of each role, by ARN in the order given. */
export interface AppliedTrust {
  written: string[];
  /** Those that needed no change, or had it already. */
  unchanged: string[];
  failed: { arn: string; message: string }[];
}

const concurrency = 4;

/**
 * Writes trust policies. Each is read again first. One that is no longer what was shown has been
 * changed meanwhile, and is left alone. Safe to run again. One role that fails does not keep the
 * others from being written.
 *
 * Needs iam:GetRole and iam:UpdateAssumeRolePolicy on the roles. Allow some seconds until STS
 * everywhere knows of it.
 *
 * @param iam of the account of the roles, such as `await iamClient(region)` of cluster/aws/iam.ts
 */
export async function applyTrust(
  iam: IAMClient,
  changes: readonly ShownTrust[],
): Promise<AppliedTrust> {
  const outcomes = await pMap(changes, (change) => apply(iam, change).catch(why), {
    concurrency,
  });
  const applied: AppliedTrust = { written: [], unchanged: [], failed: [] };
  changes.forEach(({ arn }, index) => {
    const outcome = outcomes[index];
    if (typeof outcome === "string") applied.failed.push({ arn, message: outcome });
    else (outcome ? applied.written : applied.unchanged).push(arn);
  });
  return applied;
}

function why(error: unknown): string {
  return withMissingRight(messageOf(error));
}

/** @returns whether it had to be written */
async function apply(
  iam: IAMClient,
  { arn, current, proposed, obstacle }: ShownTrust,
): Promise<boolean> {
  if (obstacle !== undefined) throw new Error(obstacle);
  if (isDeepStrictEqual(current, proposed)) return false;
  const now = await readTrust(iam, roleName(arn));
  if (isDeepStrictEqual(now, proposed)) return false;
  if (!isDeepStrictEqual(now, current)) {
    throw new Error(
      "its trust policy has changed since it was shown: look at the change that is needed now, and approve that",
    );
  }
  const { UpdateAssumeRolePolicyCommand } = await import("@aws-sdk/client-iam");
  await iam.send(
    new UpdateAssumeRolePolicyCommand({
      RoleName: roleName(arn),
      PolicyDocument: JSON.stringify(proposed),
    }),
  );
  return true;
}

/**
 * A role's trust policy as it is now.
 *
 * @param name without path
 */
export async function readTrust(iam: IAMClient, name: string): Promise<TrustDocument> {
  const { GetRoleCommand } = await import("@aws-sdk/client-iam");
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }));
  return parsePolicy<TrustDocument>("its trust policy", Role?.AssumeRolePolicyDocument);
}
