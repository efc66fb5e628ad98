import { Cluster } from "../cluster.js";
import { writeRecord } from "../cutoverRecord.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { proveLive } from "../live.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { GateError, problemsOf, type Problem } from "../problem.js";
import { progress } from "../progress.js";

type Input = CheckedInput<"probe-live">;

/**
 * The proof of a worker's cutover. Success is recorded on the node, so that an unchanged worker
 * is never cut over again; failure puts the worker back on kube2iam before it is reported.
 */
export async function probeLive(input: Input): Promise<GateOutput<"probe-live">> {
  const cluster = await Cluster.connect(input.target.kubernetes);
  const { target, worker, probe, generation } = input;
  try {
    const { result } = await proveLive(cluster, { target, worker, probe, system: "kiam" });
    const rules = await NodeRules.read(cluster, target);
    await writeRecord(cluster, worker.name, {
      generation,
      // As Kubernetes reports it, since that is what the next plan will compare it with.
      bootId: (await cluster.node(worker.name))?.status?.nodeInfo?.bootID ?? "",
      kube2iamPod: rules.pod("kube2iam", worker)?.metadata?.uid ?? "",
    });
    return result;
  } catch (error) {
    const problems = problemsOf(error, `node ${worker.name}`);
    progress(`${worker.name}: not proven, putting kube2iam's rule back`);
    const undo = await undoCutover(cluster, input);
    throw new GateError(
      undo.length === 0
        ? `The cutover of ${worker.name} could not be proven; the worker is back on kube2iam`
        : `The cutover of ${worker.name} could not be proven, and the worker is NOT proven to be back on kube2iam: look at it now`,
      [...problems, ...undo],
      { cause: error },
    );
  }
}

/** Puts kube2iam's rule back in front and proves that. What did not work is returned; none = back. */
async function undoCutover(cluster: Cluster, input: Input): Promise<Problem[]> {
  const { target, worker, probe } = input;
  try {
    const rules = await NodeRules.read(cluster, target);
    const refused = reportProblemsOf(worker, await rules.restore(worker, input.rules));
    if (refused.length > 0) return refused;
    // From here on kube2iam's rule is first again, so the next run has to cut over anew.
    await writeRecord(cluster, worker.name, { undone: new Date().toISOString() });
    await proveLive(cluster, { target, worker, probe, system: "kube2iam" });
    return [];
  } catch (error) {
    return problemsOf(error, `node ${worker.name}, going back to kube2iam`);
  }
}
