import type { ClusterFacts, NodeFacts, PodFacts } from "../../facts/clusterFacts.js";
import { kiamNames } from "../../kiam/names.js";
import type { Settings } from "../../settings/schema.js";
import type { Situation } from "../../situation/situation.js";
import { blocksFrom, type Judgement } from "../judgement.js";
import { groupedBy, own, someOf } from "../../text/text.js";

/**
 * Whether the ports of agent and server are free on the nodes whose network they use, and the
 * agent's is the one to which the rules on the workers lead.
 */
export function auditPorts(situation: Situation): Judgement[] {
  return [
    ...auditAgentPort(situation),
    ...auditChangedPort(situation),
    ...auditServerPort(situation),
  ];
}

function auditAgentPort({ settings, facts, workers }: Situation): Judgement[] {
  const { agentPort } = settings.kiam;
  const takers = takersOf(agentPort, workers, settings, facts.pods);
  const severity = blocksFrom("agent", settings);
  const byPods = [...takers].map(([object, nodes]): Judgement => ({
    code: "agent-port-in-use",
    severity,
    object,
    seen: `it takes port ${agentPort} (kiam.agentPort) of ${someOf([...nodes])}`,
  }));
  const explained = new Set(
    [...takers.values(), nodesWithAgent(settings, facts)].flatMap((nodes) => [...nodes]),
  );
  const byLooks = workers.flatMap(({ name }): Judgement[] => {
    const look = own(facts.overSsh, name);
    if (look === undefined || "failed" in look || explained.has(name)) return [];
    const listener = look.listening.find(({ port }) => port === agentPort);
    if (listener === undefined) return [];
    return [
      {
        code: "agent-port-in-use",
        severity,
        object: `node/${name}`,
        seen: `${listener.program ?? "something"} listens on port ${agentPort} (kiam.agentPort) there`,
      },
    ];
  });
  return [...byPods, ...byLooks];
}

/** Agents put their rule behind the one that is there, and take none away when they stop. */
function auditChangedPort({ settings: { kiam }, facts }: Situation): Judgement[] {
  const others = Object.entries(facts.agentPorts).filter(([node, port]) => {
    if (port === String(kiam.agentPort)) return false;
    // With kiam in force an update with the changed port went through there: this one sets it right.
    const state = own(facts.rules, node);
    return state === undefined || !("inForce" in state) || state.inForce !== "kiam";
  });
  if (others.length === 0) return [];
  const nodes = groupedBy(others, ([, port]) => port);
  const seen = [...nodes].map(
    ([port, on]) =>
      `on ${someOf(on.map(([node]) => node))} ${port === "" ? "tells no port" : `listens on ${port}`}`,
  );
  const [port] = nodes.keys();
  const former = nodes.size === 1 && /^[1-9]\d{0,4}$/.test(port ?? "") ? port : undefined;
  return [
    {
      code: "agent-port-changed",
      severity: "blocks",
      object: `daemonset/${kiam.namespace}/${kiamNames.agent}`,
      seen: `kiam.agentPort is ${kiam.agentPort}, and the agent ${seen.join(", ")}`,
      fix:
        former === undefined
          ? `bring the agents' former port back (kubectl -n ${kiam.namespace} rollout undo daemonset/${kiamNames.agent}), and set kiam.agentPort to it`
          : `set kiam.agentPort to ${former}; to have another, go back to stage server first, which takes agents and rules away`,
    },
  ];
}

function auditServerPort({ settings, facts, servers }: Situation): Judgement[] {
  const { serverHostNetwork, serverPort } = settings.kiam;
  if (!serverHostNetwork) return [];
  const takers = takersOf(serverPort, servers, settings, facts.pods);
  return [...takers].map(([object, nodes]) => ({
    code: "server-port-in-use",
    severity: blocksFrom("server", settings),
    object,
    seen: `it takes port ${serverPort} (kiam.serverPort) of ${someOf([...nodes])}`,
  }));
}

/** Who takes a port on which of the nodes: object → names of nodes. */
function takersOf(
  port: number,
  nodes: readonly NodeFacts[],
  settings: Settings,
  pods: readonly PodFacts[],
): Map<string, Set<string>> {
  const among = new Set(nodes.map(({ name }) => name));
  const takers = new Map<string, Set<string>>();
  for (const pod of pods) {
    if (!pod.hostPorts.includes(port) || pod.node === undefined || !among.has(pod.node)) continue;
    if (isOfMigration(settings, pod)) continue;
    const object = ownerOf(pod);
    takers.set(object, (takers.get(object) ?? new Set<string>()).add(pod.node));
  }
  return takers;
}

/** kiam's own pods; and kube2iam's, whose real port is another finding's (port-clash). */
function isOfMigration({ kiam, kube2iam }: Settings, pod: PodFacts): boolean {
  return (
    (pod.namespace === kiam.namespace &&
      [kiamNames.agent, kiamNames.server].some((name) => pod.name.startsWith(`${name}-`))) ||
    (pod.namespace === kube2iam.namespace && pod.name.startsWith(`${kube2iam.daemonSet}-`))
  );
}

/** A DaemonSet counts once, however many nodes it is on. Its pods are named by it. */
function ownerOf({ namespace, name, controller }: PodFacts): string {
  return controller === "DaemonSet"
    ? `daemonset/${namespace}/${name.replace(/-[a-z0-9]{5}$/, "")}`
    : `pod/${namespace}/${name}`;
}

/** Nodes where who listens on the agent's port is the agent. */
function nodesWithAgent({ kiam }: Settings, facts: ClusterFacts): string[] {
  const running = facts.pods.flatMap((pod) =>
    pod.namespace === kiam.namespace && pod.name.startsWith(`${kiamNames.agent}-`)
      ? [pod.node ?? ""]
      : [],
  );
  return [...Object.keys(facts.rules), ...running];
}
