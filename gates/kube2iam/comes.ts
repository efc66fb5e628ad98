import type { V1DaemonSet, V1PodSpec } from "@kubernetes/client-node";

import { isReady } from "../../cluster/kubernetes/objects.js";
import type { Deadline } from "../../cluster/wait.js";
import { agentNotReadyTaint, kiamOnlyKey } from "../../migration/facts/clusterFacts.js";
import { insertsItsRule, kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import { untolerated } from "../../migration/situation/nodeSelection.js";
import type { Worker } from "../../migration/situation/target.js";
import { notMeantFor, tolerationsOf } from "../nodes/placement.js";
import { requireDone } from "../nodes/ruleReport.js";
import type { GateContext } from "../protocol/context.js";
import { errorOn, progress } from "../protocol/progress.js";
import { restartKube2iam } from "./pods.js";
import { lookForNewRule, waitForKube2iamRule } from "./rule.js";

/**
 * kube2iam runs on a node, or comes to it before this ends. The kiam-only taint is taken off:
 * node groups may give it to nodes that join at any time.
 *
 * @throws GateError where kube2iam is not meant for that node, or does not start there
 */
export async function bringKube2iam(
  context: GateContext,
  daemonSet: V1DaemonSet,
  worker: Worker,
): Promise<void> {
  if ((await context.rules()).pod("kube2iam", worker) !== undefined) return;
  const deadline = context.deadline();
  await takeKiamOnlyOff(context, worker.name);
  const spec = daemonSet.spec?.template.spec;
  if (spec !== undefined) await endStartupTaint(context, spec, worker, deadline);
  const node = await context.node(worker.name);
  const obstacle = spec && node && notMeantFor(spec, node);
  if (obstacle !== undefined) {
    throw errorOn(worker, `kube2iam does not come to ${worker.name}`, {
      what: `kube2iam does not run there: ${obstacle.what}`,
      why: "without kiam its pods would be refused, or given the node's own role",
      fix: `${obstacle.fix}, then run this again; or take the node out of the cluster`,
    });
  }
  await restartKube2iam(context, daemonSet, worker, undefined);
  await lookForNewRule(context, daemonSet, worker);
}

/**
 * Waits until a node that has just joined has its agent, and takes the startup taint off: kube2iam
 * may not tolerate it. What else takes it off may be gone, or never have been there. Does nothing
 * where no agent comes, or none is ready in time.
 */
async function endStartupTaint(
  context: GateContext,
  spec: V1PodSpec,
  { name }: Worker,
  deadline: Deadline,
): Promise<void> {
  const { cluster } = context;
  const { key } = agentNotReadyTaint;
  await context.until(async () => {
    const node = await context.node(name);
    const own = (node?.taints ?? []).filter((taint) => taint.key === key);
    if (untolerated({ taints: own }, tolerationsOf(spec)).length === 0) return true;
    const daemonSet = await cluster.daemonSet(context.agentName);
    const pods = (daemonSet === undefined ? [] : await cluster.podsOf(daemonSet)).filter(
      (pod) => pod.spec?.nodeName === name,
    );
    if (pods.length === 0) return true;
    if (!pods.some(isReady)) return false;
    if (await takeTaintOff(context, name, key)) {
      progress(`${name}: kiam's agent is ready; taint ${key} taken off`);
    }
    return true;
  }, deadline);
}

/** @returns whether the node is there and had the kiam-only taint */
export async function takeKiamOnlyOff(context: GateContext, name: string): Promise<boolean> {
  const taken = await takeTaintOff(context, name, kiamOnlyKey);
  if (taken) progress(`${name}: taint ${kiamOnlyKey} taken off, so that kube2iam can run there`);
  return taken;
}

/** @returns whether the node is there and had a taint of that key */
async function takeTaintOff(context: GateContext, name: string, key: string): Promise<boolean> {
  const { cluster } = context;
  return context.despiteConflicts(async () => {
    const node = await cluster.node(name);
    const taints = node?.spec?.taints ?? [];
    const others = taints.filter((taint) => taint.key !== key);
    if (node === undefined || others.length === taints.length) return false;
    await cluster.patchNode(name, [
      { op: "replace", path: "/metadata/resourceVersion", value: node.metadata?.resourceVersion },
      { op: "replace", path: "/spec/taints", value: others },
    ]);
    return true;
  });
}

/**
 * kube2iam inserts its rule when it starts, behind kiam's, where nothing uses it yet: so its pod
 * is restarted. Never where its rule is in use: its pods would be without credentials meanwhile.
 */
export async function bringRuleBack(
  context: GateContext,
  daemonSet: V1DaemonSet,
  worker: Worker,
): Promise<void> {
  const rules = await context.rules();
  if (insertsItsRule(kube2iamCommandLine(daemonSet.spec?.template.spec))) {
    await restartKube2iam(context, daemonSet, worker, rules.pod("kube2iam", worker));
    return waitForKube2iamRule(context, worker);
  }
  const { kube2iamRule } = await rules.inspect(worker);
  if (kube2iamRule === null) {
    throw errorOn(worker, `kube2iam's rule for ${worker.name} is not known`, {
      what: "kube2iam does not insert its rule itself, and its interface is not known",
      fix: "set kube2iam.interface",
    });
  }
  const report = await rules.restore(worker, [kube2iamRule]);
  requireDone(worker, report, `kube2iam's rule is not back on ${worker.name}`);
}
