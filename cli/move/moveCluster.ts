import { describeMove, type Destination } from "../../automation/move/destination.js";
import type { PlannedUpdates } from "../../automation/events.js";
import type { Looks } from "../../automation/look/look.js";
import { moveStack } from "../../automation/move/moveStack.js";
import { stopOnSignals } from "../../automation/update/stopping.js";
import { describePlan } from "../../migration/preview/describePlan.js";
import { shownJson } from "../../migration/text/shown.js";
import { count } from "../../migration/text/text.js";
import type { CommonOptions, ExitCode, Terminal } from "../command.js";
import { approval, type ApprovalOptions } from "./approval.js";
import { moveAsText, moveExitCode } from "./moveAnswer.js";

export type MoveOptions = CommonOptions & ApprovalOptions;

/** Shows the plan, asks, moves the stack, and prints what came of it. */
export async function moveCluster(
  options: MoveOptions,
  destination: Destination,
  looks: Looks,
  terminal: Terminal,
): Promise<ExitCode> {
  const { progress } = terminal;
  const { answer } = await moveStack(options, destination, looks, {
    progress,
    asShown: !options.yes || options.approve !== undefined,
    whileUpdating: (updates) => stopOnSignals(progress, updates),
    approve(planned, sayings) {
      const { stackName: stack, id } = planned;
      progress.note(planAsText(planned));
      const does = describeMove(stack, destination);
      return approval({ stack, does, id, sayings }, options, terminal);
    },
  });
  terminal.answer(options.json ? shownJson(answer, 2) : moveAsText(answer));
  return moveExitCode(answer);
}

/** The plan as it is shown before the question. */
function planAsText({ plan, stages, all, id, warnings }: PlannedUpdates): string {
  const looked = warnings === 0 ? "" : `; ${count(warnings, "finding")} to be looked at`;
  const legs = [...stages, ...(all ? ["nothing"] : [])];
  const updates = `${legs.join(" → ")}${legs.length > 1 ? ", one after the other" : ""}`;
  return [
    describePlan(plan),
    "",
    `audit     nothing stands in the way${looked}`,
    `updates   ${updates}`,
    `plan id   ${id}`,
  ].join("\n");
}
