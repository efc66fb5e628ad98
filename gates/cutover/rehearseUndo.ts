import { Cluster } from "../../cluster/kubernetes/cluster.js";
import { readRecord, writeRecord } from "../nodes/cutoverRecord.js";
import type { CheckedInput, Gate } from "../protocol/inputs.js";
import { proveLive } from "../probe/live.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { GateError, problemsOf } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";

type Input = CheckedInput<"rehearse-undo">;

/**
 * The way back, tried once before anybody depends on it: with kube2iam's rule in front again, a
 * pod gets its role from kube2iam. Where it does not, the worker is left to kiam, which was
 * proven a moment ago, and nobody else is moved.
 */
export const rehearseUndo: Gate<"rehearse-undo"> = async (input) => {
  const cluster = await Cluster.connect(input.target.kubernetes);
  const { target, worker, probe } = input;
  try {
    // Done over SSH a moment ago; a rerun after a failure finds the worker on kiam again.
    await putFirst(cluster, input);
    const { result } = await proveLive(cluster, { target, worker, probe, system: "kube2iam" });
    const record = await readRecord(cluster, worker.name);
    if (record !== undefined && !("unreadable" in record)) {
      const rehearsed = input.access === "exec" ? "exec" : true;
      await writeRecord(cluster, worker.name, { ...record, rehearsed });
    }
    progress(`${worker.name}: the way back works, kube2iam supplied the role`);
    return result;
  } catch (error) {
    const problems = problemsOf(error, `node ${worker.name}`);
    const left = await leaveToKiam(cluster, input);
    throw new GateError(
      `The way back to kube2iam does not work on ${worker.name}; nobody else is moved`,
      [...problems, ...left],
      { cause: error },
    );
  }
};

async function putFirst(cluster: Cluster, { target, worker, rules }: Input): Promise<void> {
  const report = await (await NodeRules.read(cluster, target)).restore(worker, rules);
  const problems = reportProblemsOf(worker, report);
  if (problems.length > 0) {
    throw new GateError(`kube2iam's rule is not back on ${worker.name}`, problems);
  }
}

async function leaveToKiam(cluster: Cluster, { target, worker }: Input) {
  try {
    const report = await (await NodeRules.read(cluster, target)).remove(worker, "kube2iam");
    return reportProblemsOf(worker, report);
  } catch (error) {
    return problemsOf(error, `node ${worker.name}, leaving it to kiam`);
  }
}
