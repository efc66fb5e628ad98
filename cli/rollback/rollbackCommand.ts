import { Option } from "commander";

import { stages, type Stage } from "../../migration/stages.js";
import { UsageError, type Subcommand } from "../command.js";
import { moveCluster, type MoveOptions } from "../move/moveCluster.js";
import { approvalOptions } from "../move/options.js";

interface RollbackOptions extends MoveOptions {
  to?: Stage;
  all: boolean;
}

/** `kiam-migrate rollback`: the same on the way back. */
export const rollbackCommand: Subcommand<RollbackOptions> = {
  name: "rollback",
  summary: "take the cluster back to a stage, or to before the migration",
  declare: (command) =>
    approvalOptions(command)
      .description(
        "Takes the cluster back, one stage after the other: kube2iam is there again and proven before " +
          "anything of kiam goes. Shows the plan with its id, and asks as migrate does. What is broken does " +
          "not hold it up: a node that cannot be reached is named, and brought back by the next update.",
      )
      .addOption(new Option("--to <stage>", "the stage to end at").choices([...stages]))
      .option("--all", "take everything away: as before the migration", false)
      .addHelpText(
        "after",
        `
Ctrl-C stops it in order: the way back of a worker that has begun comes to its end, and
no other begins. A second Ctrl-C ends it at once. The next kiam-migrate rollback goes on
from there.`,
      ),
  run(options, terminal) {
    const { to, all } = options;
    if (all === (to !== undefined)) {
      throw new UsageError(
        "Where to? Either --to STAGE, or --all for everything: see kiam-migrate rollback --help",
      );
    }
    return moveCluster(options, { to: to ?? "prepare", back: true, all }, {}, terminal);
  },
};
