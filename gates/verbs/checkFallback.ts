import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { NodeRules } from "../nodeRules.js";
import { kiamOnlyNodes } from "../placement.js";
import { GateError } from "../problem.js";
import { waitForRollout } from "../rollout.js";
import { Deadline } from "../wait.js";
import { onEachWorker, readWorkers } from "../workers.js";

/**
 * Sees before the cutover that the way back is open: kube2iam runs on every worker that it is not
 * kept off by the kiam-only label or taint, and rules can be reached there through its pods and
 * through kiam's agents.
 */
export async function checkFallback({
  target,
  workers: given,
}: CheckedInput<"check-fallback">): Promise<GateOutput<"check-fallback">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const { present: workers } = await readWorkers(cluster, given);
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const kiamOnly = await kiamOnlyNodes(cluster, name);
  await waitForRollout(
    cluster,
    name,
    Deadline.after(target.timeoutSeconds),
    workers.map((worker) => worker.name).filter((worker) => !kiamOnly.has(worker)),
  );
  const rules = await NodeRules.read(cluster, target);
  await onEachWorker(workers, "The way back to kube2iam is not open", async (worker) => {
    for (const system of ["kiam", "kube2iam"] as const) {
      // It comes there once the label or taint is without effect, before the fallback needs it.
      if (system === "kube2iam" && kiamOnly.has(worker.name)) continue;
      const report = await rules.inspect(worker, system);
      const failed = report.backends.filter((backend) => backend.state === "failed");
      if (failed.length > 0) {
        throw new GateError("", [
          {
            where: `node ${worker.name}`,
            what: `${system}'s pod cannot read its nat rules: ${failed.map(({ name, detail }) => `${name}: ${detail}`).join("; ")}`,
            why: "the way back removes and checks rules through this pod",
            fix: "the pod has to be on the host's network with NET_ADMIN",
          },
        ]);
      }
    }
  });
  return { workers: workers.map((worker) => worker.name) };
}
