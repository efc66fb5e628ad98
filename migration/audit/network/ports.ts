import type { ClusterFacts, PodFacts } from "../../facts/clusterFacts.js";
import { kiamNames } from "../../kiam/names.js";
import { serverNodes, workerNodes } from "../../situation/nodeSelection.js";
import type { Settings } from "../../settings/schema.js";
import { blocksFrom, type Judgement } from "../judgement.js";
import { own, someOf } from "../../text/text.js";

/**
 * Whether the ports of agent and server are free on the nodes whose network they use, and the
 * agent's is the one to which the rules on the workers lead.
 */
export function auditPorts(settings: Settings, facts: ClusterFacts): Judgement[] {
  return [
    ...auditAgentPort(settings, facts),
    ...auditChangedPort(settings, facts),
    ...auditServerPort(settings, facts),
  ];
}

function auditAgentPort(settings: Settings, facts: ClusterFacts): Judgement[] {
  const { agentPort } = settings.kiam;
  const workers = workerNodes(settings, facts.nodes).map((node) => node.name);
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
  const byLooks = workers.flatMap((name): Judgement[] => {
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
function auditChangedPort({ kiam }: Settings, facts: ClusterFacts): Judgement[] {
  const nodes = new Map<string, string[]>();
  for (const [node, port] of Object.entries(facts.agentPorts)) {
    if (port === String(kiam.agentPort)) continue;
    // An update with the changed port went through there: this one sets it right.
    const state = own(facts.rules, node);
    if (state !== undefined && "inForce" in state && state.inForce === "kiam") continue;
    nodes.set(port, [...(nodes.get(port) ?? []), node]);
  }
  if (nodes.size === 0) return [];
  const seen = [...nodes].map(
    ([port, on]) => `on ${someOf(on)} ${port === "" ? "tells no port" : `listens on ${port}`}`,
  );
  const [port] = nodes.keys();
  const former = nodes.size === 1 && /^[1-9]\d{0,4}$/.test(port ?? "") ? port : undefined;
  const daemonSet = `daemonset/${kiam.namespace}/${kiamNames.agent}`;
  return [
    {
      code: "agent-port-changed",
      severity: "blocks",
      object: daemonSet,
      seen: `kiam.agentPort is ${kiam.agentPort}, and the agent ${seen.join(", ")}`,
      fix:
        former === undefined
          ? `bring the agents' former port back (kubectl -n ${kiam.namespace} rollout undo daemonset/${kiamNames.agent}), and set kiam.agentPort to it`
          : `set kiam.agentPort to ${former}; to have another, go back to stage server first, which takes agents and rules away`,
    },
  ];
}

function auditServerPort(settings: Settings, facts: ClusterFacts): Judgement[] {
  const { serverHostNetwork, serverPort } = settings.kiam;
  if (!serverHostNetwork) return [];
  const servers = serverNodes(settings, facts.nodes).map((node) => node.name);
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
  nodes: readonly string[],
  settings: Settings,
  pods: readonly PodFacts[],
): Map<string, Set<string>> {
  const among = new Set(nodes);
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
