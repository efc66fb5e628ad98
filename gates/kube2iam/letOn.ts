import { kiamOnlyKey } from "../../migration/facts/clusterFacts.js";
import { allowKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { Cluster, nameOf, type ObjectName } from "../../cluster/kubernetes/cluster.js";
import type { Gate } from "../protocol/inputs.js";
import { changeAffinity } from "./affinity.js";
import { takeKiamOnlyOff } from "./comes.js";
import { kiamOnlyNodes, nodesWithout } from "../nodes/placement.js";
import { GateError } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { explainRollout, lookAtRollout } from "../nodes/rollout.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

/**
 * The way back of keep-kube2iam-off, whichever way it was kept off: kube2iam may run on every
 * node again, and runs on those that it was kept off before this ends. Its rule comes with it, behind kiam's.
 */
export const letKube2iamOn: Gate<"let-kube2iam-on"> = async ({ target }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const soon = () => Deadline.after(target.timeoutSeconds);
  const keptOff = await kiamOnlyNodes(cluster, name);

  const changed = await changeAffinity(cluster, name, allowKiamOnly, soon());
  if (changed) {
    progress(
      `kube2iam may run on nodes with the label ${kiamOnlyKey} again; its updateStrategy stays OnDelete, since going back to RollingUpdate would now restart kube2iam everywhere`,
    );
  }
  const untainted: string[] = [];
  for (const node of await cluster.nodes()) {
    const worker = nameOf(node).name;
    if (!(await takeKiamOnlyOff(cluster, worker, soon()))) continue;
    untainted.push(worker);
    progress(`${worker}: taint ${kiamOnlyKey} taken off, so that kube2iam can run there`);
  }
  if ((await cluster.daemonSet(name)) === undefined) {
    progress(`there is no DaemonSet ${name.namespace}/${name.name} (any more) to wait for`);
  } else {
    await waitForKube2iam(cluster, name, keptOff, soon());
  }
  return { changed, untainted };
};

async function waitForKube2iam(
  cluster: Cluster,
  name: ObjectName,
  keptOff: ReadonlySet<string>,
  deadline: Deadline,
): Promise<void> {
  const there = (await cluster.nodes()).map((node) => nameOf(node).name);
  const freed = there.filter((node) => keptOff.has(node));
  // Another taint, a dedicated one say, may still be in the way, as it would be without this program.
  const without = await nodesWithout(cluster, name, freed);
  const wanted = freed.filter((node) => !without.has(node));
  const look = await waitFor(deadline, () => lookAtRollout(cluster, name, wanted, { only: true }));
  if ("done" in look) return;
  throw new GateError(
    "kube2iam may run on every node again, and does not run yet on those that it was kept off; kiam goes on supplying them",
    await explainRollout(cluster, look.pending),
  );
}
