import type { System } from "../../migration/rules/natRule.js";
import { type Worker, workerOf } from "../../migration/situation/target.js";
import { type NodeRules, unreadTables } from "../../cluster/rules/nodeRules.js";
import { kiamOnlyNodes } from "../nodes/placement.js";
import { errorOn, progress } from "../protocol/progress.js";
import { waitForRollout } from "../nodes/rollout.js";
import { agentsIn, readStandings, unlessLost } from "../nodes/standings.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { onEachWorker } from "../protocol/workers.js";

/**
 * Checks before the cutover that the way back is open: kube2iam runs on every worker, except where
 * the kiam-only label or taint keeps it off, and rules can be reached there through its pods and
 * through kiam's agents.
 */
export const checkFallback: Gate<"check-fallback"> = async ({ target }) => {
  const context = await GateContext.connect(target);
  const nodes = await context.nodes();
  const standings = await readStandings(context, { nodes, applications: false });
  const { workers, skipped } = agentsIn(standings);
  for (const node of skipped) progress(`${node} cannot be reached now; not looked at`);
  const kiamOnly = kiamOnlyNodes(await context.kube2iam(), nodes);
  const wanted = workers.map(({ name }) => name).filter((name) => !kiamOnly.has(name));
  await waitForRollout(context, context.kube2iamName, wanted);
  const rules = await context.rules();
  const open = await onEachWorker(workers, "The way back to kube2iam is not open", (node) =>
    unlessLost(context, node, async () => {
      const worker = workerOf(node);
      await requireReadable(rules, worker, "kiam");
      // To the others it comes once the label or taint has no effect, before the fallback needs it.
      if (!kiamOnly.has(worker.name)) await requireReadable(rules, worker, "kube2iam");
      return [worker.name];
    }),
  );
  return { workers: open.flat(), skipped };
};

async function requireReadable(rules: NodeRules, worker: Worker, system: System): Promise<void> {
  const report = await rules.inspect(worker, system);
  const unread = unreadTables(report);
  if (unread === undefined) return;
  throw errorOn(worker, "", {
    what: `${system}'s pod cannot read its nat rules: ${unread}`,
    why: "the way back removes and checks rules through this pod",
    fix: "the pod has to be on the host's network with NET_ADMIN",
  });
}
