import type { System } from "../../migration/rules/natRule.js";
import { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Gate } from "../protocol/inputs.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { NodeRules, unreadTables } from "../../cluster/rules/nodeRules.js";
import { kiamOnlyNodes } from "../nodes/placement.js";
import { GateError } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { waitForRollout } from "../nodes/rollout.js";
import { agentsIn, readStandings, unlessLost } from "../nodes/standings.js";
import { Deadline } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";

/**
 * Sees before the cutover that the way back is open: kube2iam runs on every worker that it is not
 * kept off by the kiam-only label or taint, and rules can be reached there through its pods and
 * through kiam's agents.
 */
export const checkFallback: Gate<"check-fallback"> = async ({ target }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  const standings = await readStandings(cluster, target, { applications: false });
  const { workers, skipped } = agentsIn(standings);
  for (const node of skipped) progress(`${node} cannot be reached now; not looked at`);
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const kiamOnly = await kiamOnlyNodes(cluster, name);
  await waitForRollout(
    cluster,
    name,
    Deadline.after(target.timeoutSeconds),
    workers.map((worker) => worker.name).filter((worker) => !kiamOnly.has(worker)),
  );
  const rules = await NodeRules.read(cluster, target);
  const open = await onEachWorker(workers, "The way back to kube2iam is not open", (node) =>
    unlessLost(cluster, node, async () => {
      const worker = workerOf(node);
      for (const system of ["kiam", "kube2iam"] as const) {
        // It comes there once the label or taint is without effect, before the fallback needs it.
        if (system === "kube2iam" && kiamOnly.has(worker.name)) continue;
        await requireReadable(rules, worker, system);
      }
      return [worker.name];
    }),
  );
  return { workers: open.flat(), skipped };
};

async function requireReadable(rules: NodeRules, worker: Worker, system: System): Promise<void> {
  const report = await rules.inspect(worker, system);
  const unread = unreadTables(report);
  if (unread === undefined) return;
  throw new GateError("", [
    {
      where: `node ${worker.name}`,
      what: `${system}'s pod cannot read its nat rules: ${unread}`,
      why: "the way back removes and checks rules through this pod",
      fix: "the pod has to be on the host's network with NET_ADMIN",
    },
  ]);
}
