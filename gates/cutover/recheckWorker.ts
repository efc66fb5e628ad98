import { asFound, recordCutover } from "../nodes/cutoverRecord.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { removeRule } from "../kube2iam/rule.js";
import { reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { askDirectly } from "../probe/runProbe.js";
import type { Worker } from "../../migration/situation/target.js";
import type { NodeReport } from "../../migration/rules/nodeReport.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { requireSameNode } from "../nodes/sameNode.js";
import { waitFor } from "../../cluster/wait.js";
import { giveUp } from "./undoCutover.js";

/**
 * The last look before a worker's rule is removed: kiam's rule is there (put back where it was
 * deleted), and a pod gets its role from the agent. From here on the node's record says that a
 * cutover is under way, so that a rerun starts with this worker if the cutover does not end well.
 *
 * A worker that kiam serves already, and badly, goes back to kube2iam.
 */
export const recheckWorker: Gate<"recheck-worker"> = async (input) => {
  const context = await GateContext.connect(input.target);
  const { worker, probe, generation, rules, kiamOnly } = input;
  const found = await context.rules();
  // Read last: what its record keeps is written with it.
  const node = await requireSameNode(context, worker);
  await recordCutover(context, node, {
    ...asFound(found, node),
    generation,
    proven: false,
    ...(kiamOnly ? { kiamOnly } : {}),
  });
  try {
    await ensureRule(context, worker);
    const result = await askDirectly(context, { worker, probe, system: "kiam" });
    // One that joined right before kube2iam's DaemonSet went may have been given its rule.
    if (kiamOnly) await removeRule(context, worker);
    return result;
  } catch (error) {
    if (rules.length > 0 && (await servedByKiam(context, worker))) {
      return giveUp(context, input, error);
    }
    throw error;
  }
};

/** An agent that has just been restarted is given its time. */
async function ensureRule(context: GateContext, worker: Worker): Promise<void> {
  const look = await waitFor<NodeReport, Problem[]>(
    context.deadline(),
    async () => {
      const report = await (await context.rules()).ensure(worker);
      const problems = reportProblemsOf(worker, report);
      return problems.length === 0 ? { done: report } : { pending: problems };
    },
    1000,
  );
  if ("pending" in look) {
    throw new GateError(`kiam's rule is not on ${worker.name}`, look.pending);
  }
  if (look.done.inserted.length > 0) {
    progress(`${worker.name}: kiam's rule was missing, and is there now`);
  }
}

/** Fails as "no" where that cannot be seen: then nothing is changed. */
async function servedByKiam(context: GateContext, worker: Worker): Promise<boolean> {
  try {
    const report = await (await context.rules()).inspect(worker, "kube2iam");
    return report.after.inForce === "kiam" || report.after.inForce === "none";
  } catch {
    return false;
  }
}
