import { applyTrust, type AppliedTrust } from "../../automation/applyTrust.js";
import { iamClient } from "../../cluster/aws/iam.js";
import { ContactError } from "../../migration/contact/contact.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import type { Settings } from "../../migration/settings/schema.js";
import { planServerTrust, planWorkerRemoval } from "../../migration/iam/trustPlan.js";
import { shownJson } from "../../migration/text/shown.js";
import {
  exitCodes,
  type CommonOptions,
  type ExitCode,
  type Subcommand,
  type Terminal,
} from "../command.js";
import { look } from "../../automation/look/look.js";
import { trustAsText, type TrustAnswer } from "./trustAnswer.js";

interface TrustOptions extends CommonOptions {
  approve: boolean;
  removeWorkers: boolean;
}

/** `kiam-migrate trust`: the statement each application role's trust policy lacks. */
export const trustCommand: Subcommand<TrustOptions> = {
  name: "trust",
  summary: "show, and with --approve write, the trust that application roles lack",
  declare: (command) =>
    command
      .description(
        "Under kiam every role that pods use has to trust the kiam-server role. Shows the statement that each " +
          "one lacks, and writes it only with --approve. Statements that are there stay as they are; a rerun " +
          "changes nothing; a kiam-server role that was created anew is recognised and trusted anew. " +
          "Needs the kiam-server role: update the stack at stage prepare first.",
      )
      .option("--approve", "write what is shown", false)
      .option(
        "--remove-workers",
        "take the workers' role out instead, once kube2iam is retired: no way back after that",
        false,
      )
      .addHelpText(
        "after",
        `
It sees the roles of pods, CronJobs, Deployments and StatefulSets without replicas,
and the probe's. What else comes and goes it does not: run it again while that is there.

Writing needs iam:GetRole and iam:UpdateAssumeRolePolicy on the roles. Each policy is
read again right before. One that was changed meanwhile is left alone, and reported.`,
      ),
  async run(options, terminal) {
    const { settings, facts } = await look(options, { iam: true }, terminal);
    const plan = wantedChanges(options, settings, facts);
    const applied = options.approve ? await write(plan, settings, terminal) : undefined;
    const answer: TrustAnswer = {
      stack: options.stack,
      principal: plan.principal,
      removes: options.removeWorkers,
      roles: plan.changes,
      unknown: plan.unknown,
      applied,
    };
    terminal.answer(options.json ? shownJson(answer, 2) : trustAsText(answer));
    return exitCodeOf(answer);
  },
};

type WantedChanges = Pick<TrustAnswer, "unknown" | "principal"> & {
  changes: TrustAnswer["roles"];
};

function wantedChanges(
  { removeWorkers }: TrustOptions,
  settings: Settings,
  facts: ClusterFacts,
): WantedChanges {
  const { iam } = facts;
  if (iam === undefined) {
    throw new Error(
      "Which account the roles are in is not known: set kiam.roleBaseArn, such as arn:aws:iam::123456789012:role/.",
    );
  }
  if (iam.noAccess !== undefined) throw new ContactError(iam.noAccess);
  if (!removeWorkers) return { principal: iam.serverRole.arn, ...planServerTrust(iam) };
  if (facts.kube2iam !== undefined || settings.stage !== "retire") {
    throw new Error(
      facts.kube2iam === undefined
        ? `The stack is at stage ${settings.stage}: the workers' role is let go only at stage retire. Nothing was touched.`
        : "kube2iam still runs, and it assumes the roles as the workers' role: the trust is let go only after an update at stage retire has removed it. Nothing was touched.",
    );
  }
  const removals = planWorkerRemoval(iam);
  if (removals === undefined || iam.workerRoleArn === undefined) {
    throw new Error("Which role the workers have is not known: set iam.workerRoleName.");
  }
  return { principal: iam.workerRoleArn, ...removals };
}

async function write(
  { changes }: WantedChanges,
  settings: Settings,
  { progress }: Terminal,
): Promise<AppliedTrust> {
  const client = await iamClient(settings.kiam.region);
  return progress.run("writing trust policies", () => applyTrust(client, changes));
}

function exitCodeOf({ roles, unknown, applied }: TrustAnswer): ExitCode {
  if (applied !== undefined && applied.failed.length > 0) return exitCodes.failed;
  const left = roles.filter(
    ({ arn, current, proposed, obstacle }) =>
      obstacle !== undefined || (current !== proposed && !applied?.written.includes(arn)),
  );
  return left.length === 0 && unknown.length === 0 ? exitCodes.ok : exitCodes.findings;
}
