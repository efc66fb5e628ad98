import type { V1DaemonSet } from "@kubernetes/client-node";

import { insertsItsRule, kube2iamCommandLine } from "../../migration/kube2iamFlags.js";
import { Cluster } from "../cluster.js";
import { releaseWorker } from "../cutoverRecord.js";
import type { CheckedInput, GateOutput, Probe, Target, Worker } from "../inputs.js";
import { restartKube2iam } from "../kube2iamPod.js";
import { waitForKube2iamRule } from "../kube2iamRule.js";
import { proveLive } from "../live.js";
import { NodeRules, reportProblemsOf } from "../nodeRules.js";
import { runProbe } from "../probe.js";
import { GateError } from "../problem.js";
import { progress } from "../progress.js";
import { onEachWorker, readWorkers } from "../workers.js";

/**
 * Brings every worker back to kube2iam without SSH and without a gap: kube2iam's rule is there and
 * its answers proven before kiam's rule goes. The agents stay; whoever removes them does so after.
 */
export async function fallback({
  target,
  workers: given,
  probe,
}: CheckedInput<"fallback">): Promise<GateOutput<"fallback">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const { present, gone } = await readWorkers(cluster, given);
  for (const name of gone) progress(`${name} is no longer in the cluster; skipped`);
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet === undefined) {
    throw new GateError("There is no way back to kube2iam; nothing was touched", [
      {
        where: `DaemonSet ${name.namespace}/${name.name}`,
        what: "it does not exist",
        why: "without kube2iam, removing kiam's rule would hand every pod the node's own role",
        fix: "apply kube2iam's DaemonSet again (going back from stage retire does), then run this again",
      },
    ]);
  }
  const workers = await onEachWorker(
    present,
    "Not every worker is back on kube2iam",
    async (worker) => ({
      name: worker.name,
      moved: await bringBack(cluster, daemonSet, { target, worker, probe }),
    }),
  );
  return { workers, skipped: gone };
}

/** @returns whether kiam had supplied that worker's pods */
async function bringBack(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  { target, worker, probe }: { target: Target; worker: Worker; probe: Probe },
): Promise<boolean> {
  const before = await (await NodeRules.read(cluster, target)).inspect(worker);
  const moved = before.after.inForce !== "kube2iam";
  if (before.after.kube2iam.length === 0) {
    await bringRuleBack(cluster, daemonSet, target, worker);
  }
  await runProbe(cluster, {
    worker: worker.name,
    probe,
    address: `${worker.hostIp}:${target.kube2iam.port}`,
    expected: "kube2iam",
    seconds: target.timeoutSeconds,
  });
  const rules = await NodeRules.read(cluster, target);
  const problems = reportProblemsOf(worker, await rules.remove(worker, "kiam"));
  if (problems.length > 0) {
    throw new GateError(`kiam's rule is not removed on ${worker.name}`, problems);
  }
  await proveLive(cluster, { target, worker, probe, system: "kube2iam" });
  await releaseWorker(cluster, worker.name);
  progress(`${worker.name}: served by kube2iam`);
  return moved;
}

/**
 * kube2iam inserts its rule when it starts, behind kiam's, where nothing uses it yet: so its pod
 * is restarted. Never where its rule is in use, which would be a gap.
 */
async function bringRuleBack(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  target: Target,
  worker: Worker,
): Promise<void> {
  const rules = await NodeRules.read(cluster, target);
  if (!insertsItsRule(kube2iamCommandLine(daemonSet.spec?.template.spec))) {
    const { kube2iamRule } = await rules.inspect(worker);
    if (kube2iamRule === null) {
      throw new GateError(`kube2iam's rule for ${worker.name} is not known`, [
        {
          where: `node ${worker.name}`,
          what: "kube2iam does not insert its rule itself, and its interface is not known",
          fix: "set kube2iam.interface",
        },
      ]);
    }
    const problems = reportProblemsOf(worker, await rules.restore(worker, [kube2iamRule]));
    if (problems.length > 0) {
      throw new GateError(`kube2iam's rule is not back on ${worker.name}`, problems);
    }
    return;
  }
  const old = rules.pod("kube2iam", worker);
  await restartKube2iam(cluster, daemonSet, { target, worker, old });
  await waitForKube2iamRule(cluster, target, worker);
}
