import { Option } from "commander";

import { stages, type Stage } from "../../migration/stages.js";
import type { Subcommand } from "../command.js";
import { moveCluster, type MoveOptions } from "../move/moveCluster.js";
import { approvalOptions } from "../move/options.js";

interface MigrateOptions extends MoveOptions {
  to: Stage;
  iam: boolean;
  log: boolean;
  ssh: boolean;
}

/** `kiam-migrate migrate`: audit, plan, question, and then one stage after the other. */
export const migrateCommand: Subcommand<MigrateOptions> = {
  name: "migrate",
  summary: "move the cluster to a stage: audit, plan, question, one stage after the other",
  declare: (command) =>
    approvalOptions(command)
      .description(
        "Moves the cluster forward. Audits every stage on the way, shows the plan with its id, and asks; for " +
          "production the answer is the stack's name. Then it runs one update for each stage, so that the " +
          "gates of one have passed before the next begins. It stops at the first failure: what has moved " +
          "keeps working, and the answer ends with the commands that go on or back. In the stack's file it " +
          "sets the line of the stage, and changes nothing else there.",
      )
      .addOption(
        new Option("--to <stage>", "the stage to end at")
          .choices([...stages])
          .makeOptionMandatory(),
      )
      .option("--no-iam", "do not look at IAM for the audit")
      .option("--no-log", "do not read kube2iam's log for the audit")
      .option("--no-ssh", "do not look at the workers for the audit")
      .addHelpText(
        "after",
        `
Ctrl-C stops it in order: what is under way on a worker comes to its end, nothing else
begins, and the answer says what is done and what is not. A second Ctrl-C ends gates
that are under way at once. The next kiam-migrate migrate goes on from there. pulumi up
goes on as well: both have the same stack, settings and state.

A pipeline approves what a person has seen:
  kiam-migrate plan --stack production --to cutover           prints the plan's id
  kiam-migrate migrate --stack production --to cutover --approve 0123456789ab`,
      ),
  run: (options, terminal) =>
    moveCluster(options, { to: options.to, back: false, all: false }, options, terminal),
};
