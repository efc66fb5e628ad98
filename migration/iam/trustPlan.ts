import { compareText } from "../text/text.js";
import type { ApplicationRoleFacts, IamFacts } from "../facts/iamFacts.js";
import type { TrustDocument } from "./trust.js";
import { trustAddition, type TrustAddition } from "./trustAddition.js";
import { withoutTrust, type TrustRemoval } from "./trustRemoval.js";

export interface TrustPlan<Change> {
  /** One for each role whose trust policy is known, sorted by ARN. */
  changes: (Change & { arn: string })[];
  /** Roles whose trust policy is not known, and why; sorted. */
  unknown: { arn: string; why: string }[];
}

/** Lets the kiam-server role assume every role in use. */
export function planServerTrust(iam: IamFacts): TrustPlan<TrustAddition> {
  const { serverRole } = iam;
  return eachRole(iam, (trust) => {
    const change = trustAddition(trust, serverRole.arn, serverRole.id);
    if (serverRole.exists !== false || change.reason === "present") return change;
    return {
      ...change,
      obstacle: `there is no role ${serverRole.arn} yet, and IAM refuses a principal that does not exist: update the stack at stage prepare first, which creates it where iam.manage is on`,
    };
  });
}

/**
 * Takes the workers' role out of every role's trust policy; only after kube2iam's retirement.
 *
 * @returns undefined where the workers' role is not known (setting iam.workerRoleName)
 */
export function planWorkerRemoval(iam: IamFacts): TrustPlan<TrustRemoval> | undefined {
  const { workerRoleArn } = iam;
  if (workerRoleArn === undefined) return undefined;
  return eachRole(iam, (trust, role) => {
    const removal = withoutTrust(trust, workerRoleArn);
    if (removal.reason === "absent" || role.trustsServer === "allowed") return removal;
    return {
      ...removal,
      proposed: removal.current,
      obstacle: `it does not trust ${iam.serverRole.arn}: kiam could not assume it for its pods`,
    };
  });
}

function eachRole<Change>(
  iam: IamFacts,
  change: (trust: TrustDocument, role: ApplicationRoleFacts) => Change,
): TrustPlan<Change> {
  const plan: TrustPlan<Change> = { changes: [], unknown: [] };
  for (const role of Object.values(iam.roles).sort((a, b) => compareText(a.arn, b.arn))) {
    if (role.trust !== undefined) {
      plan.changes.push({ arn: role.arn, ...change(role.trust, role) });
    } else {
      const why =
        role.exists === false
          ? role.elsewhere === undefined
            ? "there is no such role"
            : `there is no such role; one of that name is ${role.elsewhere}`
          : "its trust policy could not be read";
      plan.unknown.push({ arn: role.arn, why });
    }
  }
  return plan;
}
