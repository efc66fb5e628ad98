import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import { isReady, nameOf, type ObjectName } from "../../cluster/kubernetes/objects.js";
import { nodesWithout, notMeantFor } from "./placement.js";
import { explainPod } from "./podState.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { waitFor, type Deadline, type Look } from "../../cluster/wait.js";
import type { GateContext } from "../protocol/context.js";

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
  missing: NodeFacts[];
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
  context: GateContext,
  name: ObjectName,
  nodes: readonly string[] = [],
  { only = false, passOverBroken = true }: { only?: boolean; passOverBroken?: boolean } = {},
): Promise<Look<Rollout, UnfinishedRollout>> {
  const daemonSet = await context.cluster.daemonSet(name);
  if (daemonSet === undefined) {
    throw new GateError(`There is no DaemonSet ${name.namespace}/${name.name}`);
  }
  const [listed, allPods] = await Promise.all([context.nodes(), context.cluster.podsOf(daemonSet)]);
  const facts = new Map(listed.map((node) => [node.name, node]));
  const without = nodesWithout(daemonSet, listed);
  const meant = listed.filter((node) => !without.has(node.name));
  const broken = new Map(
    meant.flatMap((node): [string, string][] => {
      const why = passOverBroken ? brokenBecause(node) : undefined;
      return why === undefined ? [] : [[node.name, why]];
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
  const missing = nodes
    .filter((node) => !pods.has(node) && !broken.has(node))
    .flatMap((node) => facts.get(node) ?? []);
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
  // Pods of an OnDelete DaemonSet keep their old form until they are deleted.
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
  context: GateContext,
  name: ObjectName,
  deadline: Deadline,
): Promise<Look<Rollout, UnfinishedRollout>> {
  let furthest = 0;
  return waitFor(deadline, async () => {
    const look = await lookAtRollout(context, name);
    if ("pending" in look) {
      const { daemonSet, pods } = look.pending;
      const far = (daemonSet.status?.updatedNumberScheduled ?? 0) + pods.size;
      if (far > furthest) deadline.renew(context.target.timeoutSeconds);
      furthest = Math.max(furthest, far);
    }
    return look;
  });
}

/** Waits for {@link lookAtRollout}; a passed deadline is a GateError that says what is missing. */
export async function waitForRollout(
  context: GateContext,
  name: ObjectName,
  nodes: readonly string[],
  options: { only?: boolean } = {},
): Promise<Rollout> {
  const look = await waitFor(context.deadline(), () =>
    lookAtRollout(context, name, nodes, options),
  );
  if ("done" in look) return look.done;
  throw new GateError(
    `DaemonSet ${name.namespace}/${name.name} is not rolled out`,
    await explainRollout(context, look.pending),
  );
}

/** What keeps a roll-out from being complete, node by node and pod by pod. */
export async function explainRollout(
  { cluster }: GateContext,
  rollout: UnfinishedRollout,
): Promise<Problem[]> {
  const problems = unplaced(rollout);
  for (const pod of rollout.unready) problems.push(...(await explainPod(cluster, pod)));
  if (problems.length > 0) return problems;
  const { daemonSet } = rollout;
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
export function unplaced({ daemonSet, missing, unready }: UnfinishedRollout): Problem[] {
  const spec = daemonSet.spec?.template.spec;
  const { namespace, name } = nameOf(daemonSet);
  const without = missing.filter(
    (node) => !unready.some((pod) => [node.name, undefined].includes(pod.spec?.nodeName)),
  );
  return without.map((node): Problem => {
    const where = `node ${node.name}`;
    const what = `no pod of DaemonSet ${namespace}/${name} runs on it`;
    const reason = spec && notMeantFor(spec, node);
    return reason === undefined
      ? { where, what }
      : { where, what: `${what}: ${reason.what}`, fix: reason.fix };
  });
}
