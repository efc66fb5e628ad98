import type { V1Pod } from "@kubernetes/client-node";

import { agentLabels } from "../../migration/kiam/names.js";
import {
  brokenBecause,
  concernedNodes,
  type NodeStanding,
} from "../../migration/situation/nodeStandings.js";
import type { Worker } from "../../migration/situation/target.js";
import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import { agentOn, podFacts } from "../../cluster/facts/clusterFacts.js";
import { selectorText } from "../../cluster/kubernetes/objects.js";
import { kube2iamPodsOf, type Kube2iamManifest } from "../kube2iam/pods.js";
import type { GateContext } from "../protocol/context.js";
import { progress } from "../protocol/progress.js";

/**
 * Lists the nodes that concern the migration, now: a list that an earlier plan made knows nothing
 * of nodes that have joined since.
 *
 * @param nodes the cluster's nodes, where they were listed just now
 * @param manifest kube2iam's DaemonSet; the one in the cluster when unset
 * @param applications whether pods that ask for roles count, which takes a list of all pods
 */
export async function readStandings(
  context: GateContext,
  {
    nodes,
    manifest,
    applications,
  }: { nodes?: readonly NodeFacts[]; manifest?: Kube2iamManifest; applications: boolean },
): Promise<NodeStanding[]> {
  const { cluster, target } = context;
  const kube2iam = manifest ?? (await context.kube2iam());
  const [listed, ofKube2iam, agents, pods] = await Promise.all([
    nodes ?? context.nodes(),
    kube2iam === undefined ? [] : kube2iamPodsOf(context, kube2iam),
    listAgents(context),
    applications ? cluster.allPods("status.phase!=Succeeded,status.phase!=Failed") : [],
  ]);
  return concernedNodes({
    nodes: listed,
    pods: pods.map(podFacts),
    kube2iamOn: new Set(ofKube2iam.map((pod) => pod.spec?.nodeName ?? "")),
    agentOn: new Set(
      agents
        .flatMap((pod) => agentOn(pod, target.kiam.namespace))
        .flatMap(({ node, stays }) => (stays ? [node] : [])),
    ),
  });
}

/** Pods of kiam's agents, those that are going included. */
export async function listAgents({ cluster, target }: GateContext): Promise<V1Pod[]> {
  return cluster.pods(target.kiam.namespace, selectorText({ matchLabels: { ...agentLabels } }));
}

/** The nodes with an agent: those that can be reached now, and the names of those that cannot. */
export function agentsIn(standings: readonly NodeStanding[]): {
  workers: NodeStanding[];
  skipped: string[];
} {
  const agents = standings.filter((node) => node.agent);
  const workers = agents.filter((node) => brokenBecause(node) === undefined);
  return {
    workers,
    skipped: agents.filter((node) => !workers.includes(node)).map(({ name }) => name),
  };
}

/**
 * Does something on a node. Where that fails because the node has left, was replaced or cannot be
 * reached any more, that is no failure: the next list of nodes shows it as it is then.
 *
 * @returns nothing where the node was lost
 */
export async function unlessLost<T>(
  context: GateContext,
  node: Pick<Worker, "name" | "uid">,
  work: () => Promise<T[]>,
): Promise<T[]> {
  return unless(context, node, work, (now) => {
    const broken = brokenBecause(now);
    return broken && `cannot be reached any more (${broken})`;
  });
}

/** The same where a node that is there has to be seen: only one that has left, or was replaced, is no failure. */
export async function unlessGone<T>(
  context: GateContext,
  node: Pick<Worker, "name" | "uid">,
  work: () => Promise<T[]>,
): Promise<T[]> {
  return unless(context, node, work, () => undefined);
}

/** @param excuse why a node that is still there counts as lost; undefined where it does not */
async function unless<T>(
  context: GateContext,
  { name, uid }: Pick<Worker, "name" | "uid">,
  work: () => Promise<T[]>,
  excuse: (now: NodeFacts) => string | undefined,
): Promise<T[]> {
  try {
    return await work();
  } catch (error) {
    const now = await context.node(name);
    const what =
      now === undefined
        ? "has left the cluster"
        : uid !== undefined && now.uid !== uid
          ? "was replaced under its name"
          : excuse(now);
    if (what === undefined) throw error;
    progress(`${name} ${what} meanwhile`);
    return [];
  }
}
