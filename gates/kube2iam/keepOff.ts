import type { V1DaemonSet } from "@kubernetes/client-node";

import { kiamOnlyKey, kiamOnlyTaint } from "../../migration/facts/clusterFacts.js";
import { avoidKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { untolerated } from "../../migration/situation/nodeSelection.js";
import type { Toleration } from "../../migration/settings/schema.js";
import { Cluster, nameOf } from "../../cluster/kubernetes/cluster.js";
import type { Gate } from "../protocol/inputs.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { changeAffinity } from "./affinity.js";
import { notInForce } from "../probe/live.js";
import { NodeRules } from "../../cluster/rules/nodeRules.js";
import { GateError } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { Deadline } from "../../cluster/wait.js";
import { onEachWorker } from "../protocol/workers.js";

/**
 * From here on kube2iam does not come to nodes that are born with the kiam-only taint or label.
 * Where it runs already it goes on running.
 */
export const keepKube2iamOff: Gate<"keep-kube2iam-off"> = async ({ target, by }) => {
  const cluster = await Cluster.connect(target.kubernetes);
  const name = { namespace: target.kube2iam.namespace, name: target.kube2iam.daemonSet };
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet === undefined) {
    progress(`there is no DaemonSet ${name.namespace}/${name.name}: kube2iam comes to no node`);
    return { changed: false, unmarked: [] };
  }
  if (by === "taint") {
    requireIntolerance(daemonSet);
    progress(`kube2iam does not come to nodes with the taint ${taintText}`);
    return { changed: false, unmarked: [] };
  }
  const unmarked = await takeLabelsOff(cluster, target, daemonSet);
  const changed = await changeAffinity(
    cluster,
    name,
    avoidKiamOnly,
    Deadline.after(target.timeoutSeconds),
  );
  progress(
    changed
      ? `kube2iam does not come to nodes with the label ${kiamOnlyKey} any more; no pod of it was restarted (updateStrategy OnDelete)`
      : `kube2iam's affinity keeps it off nodes with the label ${kiamOnlyKey} already`,
  );
  return { changed, unmarked };
};

const taintText = `${kiamOnlyTaint.key}=${kiamOnlyTaint.value}:${kiamOnlyTaint.effect}`;

function requireIntolerance(daemonSet: V1DaemonSet): void {
  const tolerations = (daemonSet.spec?.template.spec?.tolerations ?? []) as Toleration[];
  if (untolerated({ taints: [kiamOnlyTaint] }, tolerations).length > 0) return;
  const { namespace, name } = nameOf(daemonSet);
  throw new GateError("The taint would not keep kube2iam off new nodes", [
    {
      where: `DaemonSet ${namespace}/${name}`,
      what: `its pods tolerate ${taintText} (${JSON.stringify(tolerations)})`,
      why: "kube2iam would run on new nodes, and its rule could come before kiam's",
      fix: "set newNodes.keepKube2iamOff to label, or narrow kube2iam's tolerations (with updateStrategy OnDelete, so that no pod restarts)",
    },
  ]);
}

/**
 * The label is for nodes that never had kube2iam. The DaemonSet's controller would take a running
 * kube2iam away from a node that has it: from under its rule where the node is not cut over yet,
 * and from under open connections where it is. So it comes off nodes that are cut over, and the
 * others stop the update, which finds and moves them when it is run again.
 */
async function takeLabelsOff(
  cluster: Cluster,
  target: Target,
  daemonSet: V1DaemonSet,
): Promise<string[]> {
  const running = new Set((await cluster.podsOf(daemonSet)).map((pod) => pod.spec?.nodeName));
  const labelled = (await cluster.nodes()).flatMap(({ metadata, status }): Worker[] => {
    const { name = "", labels = {} } = metadata ?? {};
    if (!(kiamOnlyKey in labels) || !running.has(name)) return [];
    const address = status?.addresses?.find((each) => each.type === "InternalIP")?.address;
    return [{ name, hostIp: address ?? "" }];
  });
  if (labelled.length === 0) return [];
  const rules = await NodeRules.read(cluster, target);
  return onEachWorker(
    labelled,
    "kube2iam serves nodes that are labelled kiam-only",
    async (worker) => {
      await requireCutOver(rules, worker);
      await cluster.markNode(worker.name, { labels: { [kiamOnlyKey]: null } });
      progress(`${worker.name}: label ${kiamOnlyKey} taken off, since kube2iam runs there`);
      return worker.name;
    },
  );
}

async function requireCutOver(rules: NodeRules, worker: Worker): Promise<void> {
  const report = await rules.inspect(worker);
  const problem = notInForce(worker, report, "kiam");
  if (problem === undefined && report.after.kube2iam.length === 0) return;
  throw new GateError("", [
    {
      where: `node ${worker.name}`,
      what: `it has the label ${kiamOnlyKey} and kube2iam's rule`,
      why: "kube2iam would be taken from under its rule: credential requests there would lead nowhere",
      fix: `run the update again, which cuts this node over first; or take the label off: kubectl label node ${worker.name} ${kiamOnlyKey}-`,
    },
  ]);
}
