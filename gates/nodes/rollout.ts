import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { isReady, type Cluster, type ObjectName } from "../../cluster/kubernetes/cluster.js";
import { notMeantFor } from "./placement.js";
import { explainPod } from "./podState.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { waitFor, type Deadline, type Look } from "../../cluster/wait.js";

export interface Rollout {
  daemonSet: V1DaemonSet;
  /** Its ready pod on each node that can be asked, by node name. */
  pods: Map<string, V1Pod>;
  /** Nodes that it is meant for and whose pods cannot be asked, by name, and why. */
  broken: Map<string, string>;
}

/** A roll-out that is not complete. */
export interface UnfinishedRollout extends Rollout {
  /** Its pods on nodes that can be asked, and that are not ready themselves. */
  unready: V1Pod[];
  /** Nodes that should have a ready pod and have none. */
  missing: string[];
}

/**
 * Looks at a DaemonSet once: every node it is meant for, and every one of `nodes`, has a ready pod
 * of its present form. Pods of nodes that have left the cluster, which stay listed for minutes, do
 * not count. A DaemonSet that is meant for no node, or has no ready pod, is not complete.
 *
 * @param only whether nothing but `nodes` is looked at, none of which is done at once: ways back are
 * not held up by a node that they do not need
 * @param passOverBroken whether nodes on which nothing can be done are named and not waited for
 * @throws GateError where there is no such DaemonSet
 */
export async function lookAtRollout(
  cluster: Cluster,
  name: ObjectName,
  nodes: readonly string[] = [],
  { only = false, passOverBroken = true }: { only?: boolean; passOverBroken?: boolean } = {},
): Promise<Look<Rollout, UnfinishedRollout>> {
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet === undefined) {
    throw new GateError(`There is no DaemonSet ${name.namespace}/${name.name}`);
  }
  const [listed, allPods] = await Promise.all([cluster.nodes(), cluster.podsOf(daemonSet)]);
  const facts = new Map(listed.map((node) => [node.metadata?.name ?? "", nodeFacts(node)]));
  const spec = daemonSet.spec?.template.spec;
  const meant = listed.filter(
    (node) => spec !== undefined && notMeantFor(spec, node) === undefined,
  );
  const broken = new Map(
    meant.flatMap((node): [string, string][] => {
      const why = brokenBecause(nodeFacts(node));
      return passOverBroken && why !== undefined ? [[node.metadata?.name ?? "", why]] : [];
    }),
  );
  const own = allPods.filter(
    ({ metadata, spec }) =>
      metadata?.deletionTimestamp === undefined &&
      (spec?.nodeName === undefined ||
        (facts.get(spec.nodeName)?.ready === true && !broken.has(spec.nodeName))) &&
      (!only || nodes.includes(spec?.nodeName ?? "")),
  );
  const pods = new Map(own.filter(isReady).map((pod) => [pod.spec?.nodeName ?? "", pod]));
  const unready = own.filter((pod) => !isReady(pod));
  const missing = nodes.filter((node) => facts.has(node) && !pods.has(node) && !broken.has(node));
  // The controller goes on counting a node that has left until its pod is collected, minutes later.
  const wanted = Math.min(
    daemonSet.status?.desiredNumberScheduled ?? 0,
    meant.length - broken.size,
  );
  const complete =
    (daemonSet.status?.observedGeneration ?? 0) >= (daemonSet.metadata?.generation ?? 0) &&
    (only || (pods.size > 0 && pods.size >= wanted)) &&
    isUpdated(daemonSet, own) &&
    missing.length === 0;
  return complete
    ? { done: { daemonSet, pods, broken } }
    : { pending: { daemonSet, pods, broken, unready, missing } };
}

/** Whether the pods that can be asked have the DaemonSet's present form. */
function isUpdated(daemonSet: V1DaemonSet, own: readonly V1Pod[]): boolean {
  // Pods of an OnDelete DaemonSet keep their old form until somebody deletes them.
  if (daemonSet.spec?.updateStrategy?.type === "OnDelete") return true;
  // By label, since the controller's own count has pods of nodes that have left or cannot be asked.
  const present = daemonSet.metadata?.annotations?.["deprecated.daemonset.template.generation"];
  const forms = own.map(({ metadata }) => metadata?.labels?.["pod-template-generation"]);
  if (present !== undefined && forms.every((form) => form === present)) return true;
  // A pod that fits a form that came back keeps the label of the time when it was made.
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0 } = daemonSet.status ?? {};
  return updatedNumberScheduled >= desiredNumberScheduled;
}

/**
 * Looks at a DaemonSet until it is rolled out, for as long as it goes forward: an update that
 * takes one node after the other takes its time on a thousand. The deadline begins anew with each
 * node.
 */
export async function whileRollingOut(
  cluster: Cluster,
  name: ObjectName,
  { seconds, deadline }: { seconds: number; deadline: Deadline },
): Promise<Look<Rollout, UnfinishedRollout>> {
  let furthest = 0;
  return waitFor(deadline, async () => {
    const look = await lookAtRollout(cluster, name);
    if ("pending" in look) {
      const { daemonSet, pods } = look.pending;
      const far = (daemonSet.status?.updatedNumberScheduled ?? 0) + pods.size;
      if (far > furthest) deadline.renew(seconds);
      furthest = Math.max(furthest, far);
    }
    return look;
  });
}

/** Waits for {@link lookAtRollout}; a passed deadline is a GateError that says what is missing. */
export async function waitForRollout(
  cluster: Cluster,
  name: ObjectName,
  deadline: Deadline,
  nodes: readonly string[] = [],
  options: { only?: boolean } = {},
): Promise<Rollout> {
  const look = await waitFor(deadline, () => lookAtRollout(cluster, name, nodes, options));
  if ("done" in look) return look.done;
  throw new GateError(
    `DaemonSet ${name.namespace}/${name.name} is not rolled out`,
    await explainRollout(cluster, look.pending),
  );
}

/** What keeps a roll-out from being complete, node by node and pod by pod. */
export async function explainRollout(
  cluster: Cluster,
  { daemonSet, missing, unready }: UnfinishedRollout,
): Promise<Problem[]> {
  const problems = await unplaced(cluster, daemonSet, missing, unready);
  for (const pod of unready) problems.push(...(await explainPod(cluster, pod)));
  if (problems.length > 0) return problems;
  const { namespace, name } = daemonSet.metadata ?? {};
  const status = daemonSet.status;
  return [
    status?.desiredNumberScheduled === 0
      ? {
          where: `DaemonSet ${namespace}/${name}`,
          what: "it is meant for no node at all",
          fix: "its node selector or affinity fits no node, or no node's taints are tolerated",
        }
      : {
          where: `DaemonSet ${namespace}/${name}`,
          what: `${status?.updatedNumberScheduled ?? 0} of ${status?.desiredNumberScheduled} nodes have its present form, ${status?.numberReady ?? 0} are ready`,
        },
  ];
}

/**
 * Nodes where no pod of the DaemonSet was even made: time alone mends none of these, except where
 * a node has not yet been looked at.
 */
export async function unplaced(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
  missing: readonly string[],
  unready: readonly V1Pod[],
): Promise<Problem[]> {
  const spec = daemonSet.spec?.template.spec;
  const without = missing.filter(
    (name) =>
      !unready.some((pod) => pod.spec?.nodeName === name || pod.spec?.nodeName === undefined),
  );
  if (without.length === 0 || spec === undefined) return [];
  const nodes = new Map((await cluster.nodes()).map((node) => [node.metadata?.name, node]));
  return without.map((name): Problem => {
    const where = `node ${name}`;
    const what = `no pod of DaemonSet ${daemonSet.metadata?.namespace}/${daemonSet.metadata?.name} runs on it`;
    const node = nodes.get(name);
    if (node === undefined) return { where, what: `${what}: the cluster has no such node` };
    const reason = notMeantFor(spec, node);
    return reason === undefined
      ? { where, what }
      : { where, what: `${what}: ${reason.what}`, fix: reason.fix };
  });
}
