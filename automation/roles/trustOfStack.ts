import { iamClient } from "../../cluster/aws/iam.js";
import { ContactError } from "../../migration/contact/contact.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import type { TrustAddition } from "../../migration/iam/trustAddition.js";
import {
  planServerTrust,
  planWorkerRemoval,
  type TrustPlan,
} from "../../migration/iam/trustPlan.js";
import type { TrustRemoval } from "../../migration/iam/trustRemoval.js";
import type { Settings } from "../../migration/settings/schema.js";
import { applyTrust, type AppliedTrust } from "../applyTrust.js";
import { look, type Shows, type StackPlace } from "../look/look.js";

type Change = TrustAddition | TrustRemoval;

/** The trust that roles lack, or have to lose; what `kiam-migrate trust --json` prints. */
export interface TrustAnswer {
  stack: string;
  /** The role that is let in, or taken out. */
  principal: string;
  removes: boolean;
  roles: TrustPlan<Change>["changes"];
  /** Roles whose trust policy is not known, and why. */
  unknown: TrustPlan<Change>["unknown"];
  /** What was written; undefined where that was not approved. */
  applied: AppliedTrust | undefined;
}

interface Wanted extends StackPlace {
  /** Whether to take the workers' role out, instead of letting kiam's server in. */
  removeWorkers: boolean;
}

interface TrustWays extends Shows {
  /** Whether what is shown is to be written. */
  approve: (shown: TrustAnswer) => boolean | Promise<boolean>;
}

/** What is to be trusted cannot be told, or may not be changed yet. Nothing was touched. */
export class TrustRefusedError extends Error {
  constructor(
    readonly stackName: string,
    readonly reason: "account-unknown" | "workers-role-unknown" | "not-retired",
    message: string,
  ) {
    super(message);
    this.name = "TrustRefusedError";
  }
}

/**
 * Finds out which trust policies have to change, and writes them where that is approved.
 *
 * @throws TrustRefusedError, and as look does
 */
export async function trustOfStack(wanted: Wanted, ways: TrustWays): Promise<TrustAnswer> {
  const { settings, facts } = await look(wanted, { iam: true }, ways);
  const { principal, changes, unknown } = wantedChanges(wanted, settings, facts);
  const shown: TrustAnswer = {
    stack: wanted.stack,
    principal,
    removes: wanted.removeWorkers,
    roles: changes,
    unknown,
    applied: undefined,
  };
  if (!(await ways.approve(shown))) return shown;
  const applied = await ways.progress.run("writing trust policies", async () =>
    applyTrust(await iamClient(settings.kiam.region), changes),
  );
  return { ...shown, applied };
}

/** Roles whose policy still has to change; those that cannot be written are among them. */
export function trustLeft({ roles, applied }: TrustAnswer): TrustAnswer["roles"] {
  return roles.filter(
    ({ arn, current, proposed, obstacle }) =>
      obstacle !== undefined || (current !== proposed && applied?.written.includes(arn) !== true),
  );
}

/** Whether every role is known, and has the policy that it is to have. */
export function isTrustDone(answer: TrustAnswer): boolean {
  const failed = answer.applied?.failed ?? [];
  return failed.length === 0 && trustLeft(answer).length === 0 && answer.unknown.length === 0;
}

function wantedChanges(
  { stack, removeWorkers }: Wanted,
  settings: Settings,
  { iam, kube2iam }: ClusterFacts,
): TrustPlan<Change> & { principal: string } {
  if (iam === undefined) {
    throw new TrustRefusedError(
      stack,
      "account-unknown",
      "Which account the roles are in is not known: set kiam.roleBaseArn, such as arn:aws:iam::123456789012:role/.",
    );
  }
  if (iam.noAccess !== undefined) throw new ContactError(iam.noAccess);
  if (!removeWorkers) return { principal: iam.serverRole.arn, ...planServerTrust(iam) };
  if (kube2iam !== undefined || settings.stage !== "retire") {
    throw new TrustRefusedError(
      stack,
      "not-retired",
      kube2iam === undefined
        ? `The stack is at stage ${settings.stage}: the workers' role is let go only at stage retire. Nothing was touched.`
        : "kube2iam still runs, and it assumes the roles as the workers' role: the trust is let go only after an update at stage retire has removed it. Nothing was touched.",
    );
  }
  const removals = planWorkerRemoval(iam);
  if (removals === undefined || iam.workerRoleArn === undefined) {
    throw new TrustRefusedError(
      stack,
      "workers-role-unknown",
      "Which role the workers have is not known: set iam.workerRoleName.",
    );
  }
  return { principal: iam.workerRoleArn, ...removals };
}
