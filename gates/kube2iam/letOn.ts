import { kiamOnlyKey } from "../../migration/facts/clusterFacts.js";
import { allowKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { changeAffinity } from "./affinity.js";
import { takeKiamOnlyOff } from "./comes.js";
import { kiamOnlyNodes, nodesWithout } from "../nodes/placement.js";
import { GateError } from "../../migration/text/problem.js";
import { explainRollout, lookAtRollout } from "../nodes/rollout.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";
import { refuseWhereStopAsked } from "../protocol/stop.js";
import { waitFor } from "../../cluster/wait.js";

/**
 * The way back of keep-kube2iam-off, whichever way it was kept off: kube2iam may run on every
 * node again, and runs on those that it was kept off before this ends. Its rule comes with it,
 * behind kiam's.
 */
export const letKube2iamOn: Gate<"let-kube2iam-on"> = async ({ target }) => {
  refuseWhereStopAsked();
  const context = await GateContext.connect(target);
  const keptOff = kiamOnlyNodes(await context.kube2iam(), await context.nodes());
  const changed = await changeAffinity(context, allowKiamOnly);
  if (changed) {
    progress(
      `kube2iam may run on nodes with the label ${kiamOnlyKey} again; its updateStrategy stays OnDelete, since going back to RollingUpdate would now restart kube2iam everywhere`,
    );
  }
  const untainted: string[] = [];
  for (const { name } of await context.nodes()) {
    if (await takeKiamOnlyOff(context, name)) untainted.push(name);
  }
  await waitForKube2iam(context, keptOff);
  return { changed, untainted };
};

async function waitForKube2iam(context: GateContext, keptOff: ReadonlySet<string>): Promise<void> {
  const name = context.kube2iamName;
  const daemonSet = await context.kube2iam();
  if (daemonSet === undefined) {
    progress(`there is no ${context.kube2iamText} (any more) to wait for`);
    return;
  }
  const freed = (await context.nodes()).filter((node) => keptOff.has(node.name));
  // Another taint, such as that of a dedicated node, may still be in the way, as it would be without this program.
  const without = nodesWithout(daemonSet, freed);
  const wanted = freed.map((node) => node.name).filter((node) => !without.has(node));
  const look = await waitFor(context.deadline(), () =>
    lookAtRollout(context, name, wanted, { only: true }),
  );
  if ("done" in look) return;
  throw new GateError(
    "kube2iam may run on every node again, but does not run yet on those that it was kept off; kiam goes on supplying them",
    await explainRollout(context, look.pending),
  );
}
