import type { ClusterFacts, NodeFacts, PodFacts } from "../facts/clusterFacts.js";
import { isProven, parseCutoverRecord } from "../plan/cutoverRecord.js";
import { compareText, groupedBy } from "../text/text.js";
import { usesRole } from "./rolesInUse.js";

/** Where a node stands between kube2iam and kiam, as far as the API tells. */
export interface NodeStanding extends Pick<
  NodeFacts,
  "name" | "uid" | "internalIp" | "ready" | "leaving" | "bootId"
> {
  /** Whether a pod of kube2iam is there. */
  kube2iam: boolean;
  /** Whether a pod of kiam's agent is there. */
  agent: boolean;
  /** Pods there that ask for a role and can get it, such as `orders/orders-1`. */
  asking: string[];
  /** What the node says of its cutover. */
  record: ReturnType<typeof parseCutoverRecord>;
}

/** What has to be known of a cluster to tell which of its nodes concern the migration. */
export interface SeenOfNodes {
  nodes: readonly NodeFacts[];
  pods: readonly PodFacts[];
  /** Names of the nodes with a pod of kube2iam. */
  kube2iamOn: ReadonlySet<string>;
  /** Names of the nodes with a pod of kiam's agent. */
  agentOn: ReadonlySet<string>;
}

/**
 * The nodes that concern the migration, sorted by name: those with a pod of kube2iam or of kiam's
 * agent, with a pod that asks for a role, or with a record of a cutover. A rule comes to a node by
 * one of the two pods, and stays without it only where a record says so.
 *
 * The one definition for plan, audit and gates; no label and no setting has a say in it.
 */
export function concernedNodes({ nodes, pods, kube2iamOn, agentOn }: SeenOfNodes): NodeStanding[] {
  const asking = groupedBy(pods.filter(usesRole), ({ node }) => node);
  return nodes
    .map((node): NodeStanding => ({
      name: node.name,
      uid: node.uid,
      internalIp: node.internalIp,
      ready: node.ready,
      leaving: node.leaving,
      bootId: node.bootId,
      kube2iam: kube2iamOn.has(node.name),
      agent: agentOn.has(node.name),
      asking: (asking.get(node.name) ?? [])
        .map(({ namespace, name }) => `${namespace}/${name}`)
        .sort(compareText),
      record: parseCutoverRecord(node.cutoverAnnotation),
    }))
    .filter(
      ({ kube2iam, agent, asking: pods, record }) =>
        kube2iam || agent || pods.length > 0 || record !== undefined,
    )
    .sort((a, b) => compareText(a.name, b.name));
}

/** The same of facts that were read for the plan and the audit. */
export function concernedNodesOf(
  facts: Pick<ClusterFacts, "nodes" | "pods" | "kube2iam" | "agents">,
): NodeStanding[] {
  return concernedNodes({
    ...facts,
    kube2iamOn: new Set(Object.keys(facts.kube2iam?.pods ?? {})),
    agentOn: new Set(facts.agents),
  });
}

/**
 * Why nothing can be done on a node now; undefined where it can be reached, as far as is known.
 * Rules and probes carry a node's address, so one that reports none (a cloud controller has not
 * seen it yet) is as much out of reach as one that is not Ready.
 */
export function brokenBecause(
  node: Pick<NodeStanding, "ready" | "leaving" | "internalIp">,
): string | undefined {
  return (
    notReadyBecause(node) ??
    (node.internalIp === undefined ? "it reports no IPv4 address as InternalIP" : undefined)
  );
}

/** Why a node's kubelet does not serve it, or soon will not; undefined where it does. */
export function notReadyBecause({
  ready,
  leaving,
}: Pick<NodeStanding, "ready" | "leaving">): string | undefined {
  if (leaving) return "it is being deleted from the cluster";
  return ready ? undefined : "it is not Ready";
}

/** Whether its move is proven, and it has not rebooted since. */
export function isProvenNow({ record, bootId }: Pick<NodeStanding, "record" | "bootId">): boolean {
  return isProven(record) && record.bootId === bootId;
}
