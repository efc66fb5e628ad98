import { differences, type Saying } from "../../migration/move/plannedMove.js";
import { count } from "../../migration/text/text.js";
import { savedPlan } from "./savedPlans.js";

/** Whether a move may begin; else why not, and with another plan than the approved one, how it differs. */
export type Approval =
  | { granted: true }
  | { granted: false; outcome: "declined" | "other-plan"; why: string; differences: string[] };

/** A move that was not approved. */
export function declined(why: string): Approval {
  const said = `${why} Nothing was touched.`;
  return { granted: false, outcome: "declined", why: said, differences: [] };
}

/** Whether the plan is still the one that was approved by its id. */
export async function approvedById(
  approved: string,
  { id, sayings }: { id: string; sayings: readonly Saying[] },
): Promise<Approval> {
  if (approved === id) return { granted: true };
  const former = await savedPlan(approved);
  const differing = former === undefined ? [] : differences(former, sayings);
  const how =
    former === undefined
      ? "What that one said is not known here: it was made on another machine, or never."
      : `They differ in ${count(differing.length, "thing")}.`;
  return {
    granted: false,
    outcome: "other-plan",
    why: `The plan is ${id} now, and not ${approved}, which was approved. ${how} Nothing was touched.`,
    differences: differing,
  };
}
