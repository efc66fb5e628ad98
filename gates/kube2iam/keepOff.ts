import type { V1DaemonSet } from "@kubernetes/client-node";

import { kiamOnlyKey, kiamOnlyTaint } from "../../migration/facts/clusterFacts.js";
import { avoidKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { untolerated } from "../../migration/situation/nodeSelection.js";
import { workerOf, type Worker } from "../../migration/situation/target.js";
import { changeAffinity } from "./affinity.js";
import type { NodeRules } from "../../cluster/rules/nodeRules.js";
import { tolerationsOf } from "../nodes/placement.js";
import { notInForce } from "../nodes/ruleReport.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { errorAt, errorOn, progress } from "../protocol/progress.js";
import { onEachWorker } from "../protocol/workers.js";

/**
 * From here on kube2iam does not come to nodes that are born with the kiam-only taint or label.
 * Where it runs already it goes on running.
 */
export const keepKube2iamOff: Gate<"keep-kube2iam-off"> = async ({ target, by }) => {
  const context = await GateContext.connect(target);
  const daemonSet = await context.kube2iam();
  if (daemonSet === undefined) {
    progress(`there is no ${context.kube2iamText}: kube2iam comes to no node`);
    return { changed: false, unmarked: [] };
  }
  if (by === "taint") {
    requireIntolerance(context, daemonSet);
    progress(`kube2iam does not come to nodes with the taint ${taintText}`);
    return { changed: false, unmarked: [] };
  }
  const unmarked = await takeLabelsOff(context, daemonSet);
  const changed = await changeAffinity(context, avoidKiamOnly);
  progress(
    changed
      ? `kube2iam does not come to nodes with the label ${kiamOnlyKey} any more; no pod of it was restarted (updateStrategy OnDelete)`
      : `kube2iam's affinity keeps it off nodes with the label ${kiamOnlyKey} already`,
  );
  return { changed, unmarked };
};

const taintText = `${kiamOnlyTaint.key}=${kiamOnlyTaint.value}:${kiamOnlyTaint.effect}`;

function requireIntolerance(context: GateContext, daemonSet: V1DaemonSet): void {
  const tolerations = tolerationsOf(daemonSet.spec?.template.spec);
  if (untolerated({ taints: [kiamOnlyTaint] }, tolerations).length > 0) return;
  throw errorAt(context.kube2iamText, "The taint would not keep kube2iam off new nodes", {
    what: `its pods tolerate ${taintText} (${JSON.stringify(tolerations)})`,
    why: "kube2iam would run on new nodes, and its rule could come before kiam's",
    fix: "set newNodes.keepKube2iamOff to label, or narrow kube2iam's tolerations (with updateStrategy OnDelete, so that no pod restarts)",
  });
}

/**
 * The label is for nodes that never had kube2iam. The DaemonSet's controller would delete a running
 * pod of kube2iam on a node that has the label. Where the node is not cut over yet, kube2iam's rule
 * would then lead nowhere; where it is, open connections would be reset. So the label comes off
 * nodes that are cut over. The others stop the update: run again, it finds and moves them.
 */
async function takeLabelsOff(context: GateContext, daemonSet: V1DaemonSet): Promise<string[]> {
  const { cluster } = context;
  const running = new Set((await cluster.podsOf(daemonSet)).map((pod) => pod.spec?.nodeName));
  const labelled = (await context.nodes()).filter(
    ({ name, labels }) => kiamOnlyKey in labels && running.has(name),
  );
  if (labelled.length === 0) return [];
  const rules = await context.rules();
  return onEachWorker(
    labelled,
    "kube2iam serves nodes that are labelled kiam-only",
    async (node) => {
      await requireCutOver(rules, workerOf(node));
      await cluster.markNode(node.name, { labels: { [kiamOnlyKey]: null } });
      progress(`${node.name}: label ${kiamOnlyKey} taken off, since kube2iam runs there`);
      return node.name;
    },
  );
}

async function requireCutOver(rules: NodeRules, worker: Worker): Promise<void> {
  const report = await rules.inspect(worker);
  const problem = notInForce(worker, report, "kiam");
  if (problem === undefined && report.after.kube2iam.length === 0) return;
  throw errorOn(worker, "", {
    what: `it has the label ${kiamOnlyKey} and kube2iam's rule`,
    why: "kube2iam's pod would go and its rule would stay: credential requests there would lead nowhere",
    fix: `run the update again, which cuts this node over first; or take the label off: kubectl label node ${worker.name} ${kiamOnlyKey}-`,
  });
}
