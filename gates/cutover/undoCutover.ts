import { reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { rehearsalOf } from "../../migration/plan/cutoverRecord.js";
import { GateError, problemsOf, type Problem } from "../../migration/text/problem.js";
import { changeRecord } from "../nodes/cutoverRecord.js";
import { proveLive } from "../probe/live.js";
import type { GateContext } from "../protocol/context.js";
import type { CheckedInput } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";

/** A worker's cutover. Without captured rules the worker never had kube2iam. */
type Cutover = Pick<CheckedInput<"probe-live">, "worker" | "probe" | "rules">;

/**
 * The end of a cutover that could not be proven: puts kube2iam's rule back in front, proves that,
 * and throws what was wrong before, with how the way back went.
 */
export async function giveUp(
  context: GateContext,
  cutover: Cutover,
  error: unknown,
): Promise<never> {
  const { worker, rules } = cutover;
  const problems = problemsOf(error, `node ${worker.name}`);
  if (rules.length === 0) {
    throw new GateError(
      `${worker.name} could not be proven to be served by kiam, and it has no kube2iam to go back to`,
      problems,
      { cause: error },
    );
  }
  progress(`${worker.name}: not proven, putting kube2iam's rule back`);
  const undo = await putBack(context, cutover);
  throw new GateError(
    undo.length === 0
      ? `The cutover of ${worker.name} could not be proven; the worker is back on kube2iam`
      : `The cutover of ${worker.name} could not be proven, and the worker is NOT proven to be back on kube2iam: look at it now`,
    [...problems, ...undo],
    { cause: error },
  );
}

/** Puts kube2iam's rule back in front and proves that. What did not work is returned; none = back. */
async function putBack(
  context: GateContext,
  { worker, probe, rules }: Cutover,
): Promise<Problem[]> {
  try {
    const report = await (await context.rules()).restore(worker, rules);
    const refused = reportProblemsOf(worker, report);
    if (refused.length > 0) return refused;
    // From here on kube2iam's rule is first again, so the next run has to cut over anew.
    await changeRecord(context, worker.name, (last) => ({
      undone: new Date().toISOString(),
      ...rehearsalOf(last),
    }));
    await proveLive(context, { worker, probe, system: "kube2iam" });
    return [];
  } catch (error) {
    return problemsOf(error, `node ${worker.name}, going back to kube2iam`);
  }
}
