import { approvedById, declined, type Approval } from "../../automation/move/approval.js";
import { confirmationOf } from "../../migration/move/confirmation.js";
import type { Saying } from "../../migration/move/plannedMove.js";
import type { Terminal } from "../command.js";

/** How a move may be approved on the command line. */
export interface ApprovalOptions {
  /** Goes on without a question. */
  yes: boolean;
  /** A plan's id: goes on without a question where the plan is still that one. */
  approve?: string;
}

interface Asked {
  stack: string;
  /** Such as `Move stack staging to stage cutover`. */
  does: string;
  id: string;
  sayings: readonly Saying[];
}

/** Whether the options or the person at the terminal approve of a move. */
export async function approval(
  { stack, does, id, sayings }: Asked,
  { yes, approve }: ApprovalOptions,
  { ask }: Terminal,
): Promise<Approval> {
  if (approve !== undefined) return approvedById(approve, { id, sayings });
  if (yes) return { granted: true };
  if (ask === undefined) {
    return declined("There is no terminal to ask at: approve the plan by its id, or pass --yes.");
  }
  const { question, accepts } = confirmationOf(stack, does);
  return accepts(await ask(question)) ? { granted: true } : declined("It was not approved.");
}
