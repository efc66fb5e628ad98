import type { V1DaemonSet } from "@kubernetes/client-node";

import { Cluster, nameOf } from "../cluster.js";
import { readRecord, writeRecord } from "../cutoverRecord.js";
import type { CheckedInput, GateOutput, Target, Worker } from "../inputs.js";
import { insertsItsRule } from "../kube2iamManifest.js";
import { proveLive } from "../live.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { GateError } from "../problem.js";
import { progress } from "../progress.js";
import { waitForRollout } from "../rollout.js";
import { waitForKube2iamRule } from "../kube2iamRule.js";
import { Deadline } from "../wait.js";
import { onEachWorker, readWorkers } from "../workers.js";

/**
 * Undoes the retirement: kube2iam runs again as it did, and its rule, which each pod inserts when
 * it starts and which lands behind kiam's, is removed again. That is the state of stage cutover.
 */
export async function restoreKube2iam({
  target,
  workers: given,
  manifest,
  probe,
}: CheckedInput<"restore-kube2iam">): Promise<GateOutput<"restore-kube2iam">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const { present: workers, gone } = await readWorkers(cluster, given);
  for (const name of gone) progress(`${name} is no longer in the cluster; skipped`);
  const wanted = manifest as unknown as V1DaemonSet;
  const name = nameOf(wanted);
  if ((await cluster.daemonSet(name)) === undefined) {
    await cluster.createDaemonSet(name.namespace, wanted);
    progress(`DaemonSet ${name.namespace}/${name.name} applied as it was captured`);
  } else {
    progress(`DaemonSet ${name.namespace}/${name.name} is there already`);
  }
  await waitForRollout(
    cluster,
    name,
    Deadline.after(target.timeoutSeconds),
    workers.map((worker) => worker.name),
  );
  const ruleComes = insertsItsRule(wanted);
  await onEachWorker(workers, "kube2iam is back, but not as it was before", async (worker) => {
    if (ruleComes) await waitForKube2iamRule(cluster, target, worker);
    await removeSleepingRule(cluster, target, worker);
    await proveLive(cluster, { target, worker, probe, system: "kiam" });
    await recordNewPod(cluster, target, worker);
  });
  return { workers: workers.map((worker) => worker.name), skipped: gone };
}

async function removeSleepingRule(cluster: Cluster, target: Target, worker: Worker): Promise<void> {
  const rules = await NodeRules.read(cluster, target);
  const problems = reportProblemsOf(worker, await rules.remove(worker, "kube2iam"));
  if (problems.length > 0) {
    throw new GateError(`kube2iam's rule is not removed again on ${worker.name}`, problems);
  }
}

/** The pod is another than the one the cutover was recorded with; the cutover is the same. */
async function recordNewPod(cluster: Cluster, target: Target, worker: Worker): Promise<void> {
  const record = await readRecord(cluster, worker.name);
  const rules = await NodeRules.read(cluster, target);
  const pod = rules.pod("kube2iam", worker)?.metadata?.uid;
  if (record === undefined || "undone" in record || pod === undefined) return;
  await writeRecord(cluster, worker.name, { ...record, kube2iamPod: pod });
}
