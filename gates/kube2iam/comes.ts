import type { V1DaemonSet, V1PodSpec } from "@kubernetes/client-node";

import { agentNotReadyTaint, kiamOnlyKey } from "../../migration/facts/clusterFacts.js";
import { insertsItsRule, kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import { untolerated } from "../../migration/situation/nodeSelection.js";
import type { Toleration } from "../../migration/settings/schema.js";
import { ClusterError, isReady, type Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Target, Worker } from "../../migration/situation/target.js";
import { restartKube2iam } from "./restart.js";
import { lookForNewRule, waitForKube2iamRule } from "./rule.js";
import { NodeRules, reportProblemsOf } from "../../cluster/rules/nodeRules.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { notMeantFor } from "../nodes/placement.js";
import { GateError } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

/**
 * kube2iam runs on a node, or comes to it before this ends. The kiam-only taint is taken off:
 * node groups may give it to nodes that join at any time.
 *
 * @throws GateError where kube2iam is not meant for that node, or does not start there
 */
export async function bringKube2iam(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  target: Target,
  worker: Worker,
): Promise<void> {
  if ((await NodeRules.read(cluster, target)).pod("kube2iam", worker) !== undefined) return;
  const deadline = Deadline.after(target.timeoutSeconds);
  if (await takeKiamOnlyOff(cluster, worker.name, deadline)) {
    progress(`${worker.name}: taint ${kiamOnlyKey} taken off, so that kube2iam can run there`);
  }
  const spec = daemonSet.spec?.template.spec;
  if (spec !== undefined) await endStartupTaint(cluster, spec, { target, worker, deadline });
  const node = await cluster.node(worker.name);
  const obstacle = spec && node && notMeantFor(spec, node);
  if (obstacle !== undefined) {
    throw new GateError(`kube2iam does not come to ${worker.name}`, [
      {
        where: `node ${worker.name}`,
        what: `kube2iam does not run there: ${obstacle.what}`,
        why: "without kiam its pods would be refused, or given the node's own role",
        fix: `${obstacle.fix}, then run this again; or take the node out of the cluster`,
      },
    ]);
  }
  await restartKube2iam(cluster, daemonSet, { target, worker, old: undefined });
  await lookForNewRule(cluster, daemonSet, target, worker);
}

/**
 * Waits until a node that has just joined has its agent, and takes the startup taint off: kube2iam
 * may not tolerate it. What else takes it off may be gone, or never have been there. Does nothing
 * where no agent comes, or none is ready in time.
 */
async function endStartupTaint(
  cluster: Cluster,
  spec: V1PodSpec,
  { target, worker, deadline }: { target: Target; worker: Worker; deadline: Deadline },
): Promise<void> {
  const agents = { namespace: target.kiam.namespace, name: target.kiam.agentDaemonSet };
  const tolerations = (spec.tolerations ?? []) as Toleration[];
  const { key } = agentNotReadyTaint;
  await waitFor<void, undefined>(deadline, async () => {
    const node = await cluster.node(worker.name);
    const taints = node === undefined ? [] : nodeFacts(node).taints;
    const own = taints.filter((taint) => taint.key === key);
    if (untolerated({ taints: own }, tolerations).length === 0) return { done: undefined };
    const daemonSet = await cluster.daemonSet(agents);
    const pods = (daemonSet === undefined ? [] : await cluster.podsOf(daemonSet)).filter(
      (pod) => pod.spec?.nodeName === worker.name,
    );
    if (pods.length === 0) return { done: undefined };
    if (!pods.some(isReady)) return { pending: undefined };
    if (await takeTaintOff(cluster, worker.name, key, Deadline.after(target.timeoutSeconds))) {
      progress(`${worker.name}: kiam's agent is ready; taint ${key} taken off`);
    }
    return { done: undefined };
  });
}

/** @returns whether the node is there and had the kiam-only taint */
export function takeKiamOnlyOff(
  cluster: Cluster,
  name: string,
  deadline: Deadline,
): Promise<boolean> {
  return takeTaintOff(cluster, name, kiamOnlyKey, deadline);
}

/** @returns whether the node is there and had a taint of that key */
async function takeTaintOff(
  cluster: Cluster,
  name: string,
  key: string,
  deadline: Deadline,
): Promise<boolean> {
  const look = await waitFor<boolean, ClusterError>(deadline, async () => {
    const node = await cluster.node(name);
    const taints = node?.spec?.taints ?? [];
    const others = taints.filter((taint) => taint.key !== key);
    if (node === undefined || others.length === taints.length) return { done: false };
    try {
      await cluster.patchNode(name, [
        { op: "replace", path: "/metadata/resourceVersion", value: node.metadata?.resourceVersion },
        { op: "replace", path: "/spec/taints", value: others },
      ]);
      return { done: true };
    } catch (error) {
      // Changed meanwhile, by its kubelet say: its taints are looked at anew.
      if (error instanceof ClusterError && error.code === 409) return { pending: error };
      throw error;
    }
  });
  if ("pending" in look) throw look.pending;
  return look.done;
}

/**
 * kube2iam inserts its rule when it starts, behind kiam's, where nothing uses it yet: so its pod
 * is restarted. Never where its rule is in use, which would be a gap.
 */
export async function bringRuleBack(
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
