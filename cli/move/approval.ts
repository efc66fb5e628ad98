import { confirmationOf } from "../../migration/move/confirmation.js";
import { differences, type Saying } from "../../migration/move/plannedMove.js";
import { count } from "../../migration/text/text.js";
import type { Terminal } from "../command.js";
import { savedPlan } from "./savedPlans.js";

/** How a move may be approved on the command line. */
export interface ApprovalOptions {
  /** Goes on without a question. */
  yes: boolean;
  /** A plan's id: goes on without a question where the plan is still that one. */
  approve?: string;
}

/** Whether it may go on; else why not, and with another plan than the approved one, how it differs. */
export type Approval =
  | { granted: true }
  | { granted: false; outcome: "declined" | "other-plan"; why: string; differences: string[] };

interface Asked {
  stack: string;
  /** Such as `Move stack staging to stage cutover`. */
  does: string;
  id: string;
  sayings: readonly Saying[];
}

export async function approval(
  { stack, does, id, sayings }: Asked,
  { yes, approve }: ApprovalOptions,
  { ask }: Terminal,
): Promise<Approval> {
  const refused = (why: string): Approval => ({
    granted: false,
    outcome: "declined",
    why: `${why} Nothing was touched.`,
    differences: [],
  });
  if (approve !== undefined)
    return approve === id ? { granted: true } : otherPlan(approve, id, sayings);
  if (yes) return { granted: true };
  if (ask === undefined) {
    return refused("There is no terminal to ask at: approve the plan by its id, or pass --yes.");
  }
  const { question, accepts } = confirmationOf(stack, does);
  return accepts(await ask(question)) ? { granted: true } : refused("It was not approved.");
}

async function otherPlan(
  approved: string,
  id: string,
  sayings: readonly Saying[],
): Promise<Approval> {
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
