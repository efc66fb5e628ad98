import type { V1DaemonSet, V1DaemonSetSpec } from "@kubernetes/client-node";

import { agentLabels } from "../../migration/kiam/names.js";
import {
  brokenBecause,
  concernedNodes,
  type NodeStanding,
} from "../../migration/situation/nodeStandings.js";
import { agentOn, nodeFacts, podFacts } from "../../cluster/facts/clusterFacts.js";
import { selectorText, type Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Target } from "../../migration/situation/target.js";
import { listKube2iamPods } from "../retirement/podDeletion.js";
import { progress } from "../protocol/progress.js";

/** What tells kube2iam's pods: its DaemonSet, or that as it was captured. */
export type Kube2iamManifest = Pick<V1DaemonSet, "metadata"> & {
  spec?: Pick<V1DaemonSetSpec, "selector">;
};

/**
 * Lists the nodes that concern the migration, now: a list that an earlier plan made knows nothing
 * of nodes that have joined since.
 *
 * @param manifest kube2iam's DaemonSet; the one in the cluster when unset
 * @param applications whether pods that ask for roles count, which takes a list of all pods
 */
export async function readStandings(
  cluster: Cluster,
  target: Target,
  { manifest, applications }: { manifest?: Kube2iamManifest; applications: boolean },
): Promise<NodeStanding[]> {
  const { namespace, daemonSet } = target.kube2iam;
  const kube2iam = manifest ?? (await cluster.daemonSet({ namespace, name: daemonSet }));
  const [nodes, ofKube2iam, agents, pods] = await Promise.all([
    cluster.nodes(),
    kube2iam === undefined ? [] : listKube2iamPods(cluster, kube2iam),
    cluster.pods(target.kiam.namespace, selectorText({ matchLabels: { ...agentLabels } })),
    applications ? cluster.allPods("status.phase!=Succeeded,status.phase!=Failed") : [],
  ]);
  return concernedNodes({
    nodes: nodes.map(nodeFacts),
    pods: pods.map(podFacts),
    kube2iamOn: new Set(ofKube2iam.map((pod) => pod.spec?.nodeName ?? "")),
    agentOn: new Set(
      agents
        .flatMap((pod) => agentOn(pod, target.kiam.namespace))
        .flatMap(({ node, stays }) => (stays ? [node] : [])),
    ),
  });
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
  cluster: Cluster,
  node: Pick<NodeStanding, "name" | "uid">,
  work: () => Promise<T[]>,
): Promise<T[]> {
  return unless(cluster, node, work, { gone: false });
}

/** The same where a node that is there has to be seen: only one that has left, or was replaced, is no failure. */
export async function unlessGone<T>(
  cluster: Cluster,
  node: Pick<NodeStanding, "name"> & { uid?: string },
  work: () => Promise<T[]>,
): Promise<T[]> {
  return unless(cluster, node, work, { gone: true });
}

async function unless<T>(
  cluster: Cluster,
  { name, uid }: Pick<NodeStanding, "name"> & { uid?: string },
  work: () => Promise<T[]>,
  only: { gone: boolean },
): Promise<T[]> {
  try {
    return await work();
  } catch (error) {
    const now = await cluster.node(name);
    const broken = now === undefined ? undefined : brokenBecause(nodeFacts(now));
    const what =
      now === undefined
        ? "has left the cluster"
        : uid !== undefined && now.metadata?.uid !== uid
          ? "was replaced under its name"
          : broken === undefined || only.gone
            ? undefined
            : `cannot be reached any more (${broken})`;
    if (what === undefined) throw error;
    progress(`${name} ${what} meanwhile`);
    return [];
  }
}
