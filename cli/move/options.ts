import type { Command } from "commander";

/** How a move may be approved without a question; see ApprovalOptions. */
export function approvalOptions(command: Command): Command {
  return command
    .option("--yes", "go on without a question", false)
    .option(
      "--approve <plan-id>",
      "go on without a question if the plan is still this one; else show how it differs",
    );
}
