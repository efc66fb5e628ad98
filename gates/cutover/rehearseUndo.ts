import { reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError, problemsOf, type Problem } from "../../migration/text/problem.js";
import type { Worker } from "../../migration/situation/target.js";
import { changeRecord } from "../nodes/cutoverRecord.js";
import { requireDone } from "../nodes/ruleReport.js";
import { proveLive } from "../probe/live.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";

/**
 * The way back, tried once before anything depends on it: with kube2iam's rule in front again, a
 * pod gets its role from kube2iam. Where it does not, the worker is left to kiam, which was
 * proven a moment ago, and no other worker is moved.
 */
export const rehearseUndo: Gate<"rehearse-undo"> = async (input) => {
  const { target, worker, probe } = input;
  const context = await GateContext.connect(target);
  try {
    // Done over SSH a moment ago; a rerun after a failure finds the worker on kiam again.
    const report = await (await context.rules()).restore(worker, input.rules);
    requireDone(worker, report, `kube2iam's rule is not back on ${worker.name}`);
    const result = await proveLive(context, { worker, probe, system: "kube2iam" });
    const rehearsed = input.access === "exec" ? "exec" : true;
    await changeRecord(context, worker.name, (last) =>
      last === undefined || "unreadable" in last ? undefined : { ...last, rehearsed },
    );
    progress(`${worker.name}: the way back works, kube2iam supplied the role`);
    return result;
  } catch (error) {
    const problems = problemsOf(error, `node ${worker.name}`);
    const left = await leaveToKiam(context, worker);
    throw new GateError(
      `The way back to kube2iam does not work on ${worker.name}; no other worker is moved`,
      [...problems, ...left],
      { cause: error },
    );
  }
};

async function leaveToKiam(context: GateContext, worker: Worker): Promise<Problem[]> {
  try {
    return reportProblemsOf(worker, await (await context.rules()).remove(worker, "kube2iam"));
  } catch (error) {
    return problemsOf(error, `node ${worker.name}, leaving it to kiam`);
  }
}
