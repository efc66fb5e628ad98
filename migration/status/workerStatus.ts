import type { PodFacts } from "../facts/clusterFacts.js";
import { isProven } from "../plan/cutoverRecord.js";
import type { Plan, WaitingWorker } from "../plan/plan.js";
import { deviation, type RuleState } from "../rules/deviation.js";
import type { System } from "../rules/natRule.js";
import {
  brokenBecause,
  concernedNodesOf,
  isProvenNow,
  type NodeStanding,
} from "../situation/nodeStandings.js";
import type { Situation } from "../situation/situation.js";
import { compareText, own } from "../text/text.js";
import { leftToDo, type LeftToDo } from "./leftToDo.js";
import type { StateResource } from "./stackState.js";

/** Who supplies the pods of a worker, and how that is known. */
export interface Answering {
  /** `nobody`: pods reach EC2's metadata service, and with it the node's own role. */
  who: System | "nobody" | "unclear";
  /**
   * `asked`: a pod there asked just now, through 169.254.169.254. `rules`: by the rules, which may
   * not be all that decides. `pods`: by which of the two runs there.
   */
  by: "asked" | "rules" | "pods";
  /** What was seen; undefined where there is no more to say. */
  seen: string | undefined;
}

/** What a pod said that asked; see gates/probe/. */
export type Asked = Readonly<Record<string, { who: Answering["who"]; answers: string }>>;

export interface WorkerStatus {
  /** Node name. */
  name: string;
  /** Whether the settings leave the node out, and it concerns the migration all the same. */
  outside: boolean;
  /** Why nothing can be done there now. */
  broken: string | undefined;
  answering: Answering;
  /** What is not as it should be with its rules, on a worker that was moved. */
  deviation: string | undefined;
  /** Whether its move is proven, and holds since: it did not reboot. */
  proven: boolean;
  /** When it was proven, ISO 8601; undefined where the state does not tell. */
  provenAt: string | undefined;
  /** Clients that still hold connections to kube2iam there: the pod, or else its address. */
  kube2iamClients: { client: string; connections: number }[];
  /** What the next update does there; undefined where there is no plan. */
  left: LeftToDo[] | undefined;
  /** Why its move has to wait, and whether an update may succeed all the same. */
  waits: Pick<WaitingWorker, "why" | "accepted"> | undefined;
  /** Whether an update has seen the node: it is in the state. */
  known: boolean;
}

/**
 * Every worker, and every other node that concerns the migration, by name.
 *
 * @param plan at the stage of the settings; undefined where findings leave nothing to plan with
 */
export function workerStatuses(
  { facts, workers }: Pick<Situation, "facts" | "workers">,
  plan: Plan | undefined,
  resources: readonly StateResource[],
  asked: Asked = {},
): WorkerStatus[] {
  const byName = new Map(resources.map((each) => [each.name, each]));
  const left = plan === undefined ? undefined : leftToDo(plan, resources, facts);
  const concerned = new Map(concernedNodesOf(facts).map((node) => [node.name, node]));
  const inside = new Set(workers.map(({ name }) => name));
  const names = [...new Set([...inside, ...concerned.keys()])].sort(compareText);
  const podAt = new Map(
    facts.pods.flatMap((pod): [string, PodFacts][] =>
      pod.ip === undefined || pod.hostNetwork ? [] : [[pod.ip, pod]],
    ),
  );
  return names.flatMap((name): WorkerStatus[] => {
    const node = facts.nodes.find((each) => each.name === name);
    if (node === undefined) return [];
    const standing = concerned.get(name);
    const rules = own(facts.rules, name);
    const waiting = plan?.waiting.find((each) => each.name === name);
    const moved = isProven(standing?.record);
    const proven = standing !== undefined && isProvenNow(standing);
    return [
      {
        name,
        outside: !inside.has(name),
        broken: brokenBecause(node),
        answering: answering(standing, rules, own(asked, name)),
        deviation: moved && rules !== undefined ? deviation(rules) : undefined,
        proven,
        provenAt: proven ? byName.get(`${name}-cutover-live`)?.modified : undefined,
        kube2iamClients: clientsOf(rules, podAt),
        // Of one that waits there may be nothing planned, and of one outside there never is.
        left: left === undefined ? undefined : (left.get(name) ?? []),
        waits: waiting && { why: waiting.why, accepted: waiting.accepted },
        known: byName.has(`${name}-anchor`),
      },
    ];
  });
}

const whoByRules = {
  kube2iam: "kube2iam",
  kiam: "kiam",
  none: "nobody",
  unknown: "unclear",
} as const;

function answering(
  standing: NodeStanding | undefined,
  rules: RuleState | undefined,
  asked: Asked[string] | undefined,
): Answering {
  if (asked !== undefined) return { who: asked.who, by: "asked", seen: asked.answers };
  if (rules !== undefined && "unread" in rules) {
    return { who: "unclear", by: "rules", seen: `its rules could not be read: ${rules.unread}` };
  }
  if (rules !== undefined) {
    return { who: whoByRules[rules.inForce], by: "rules", seen: rules.unclear };
  }
  if (standing?.kube2iam === true) return { who: "kube2iam", by: "pods", seen: undefined };
  if (standing?.agent === true) {
    return { who: "unclear", by: "pods", seen: "its rules were not read" };
  }
  return { who: "nobody", by: "pods", seen: "neither kube2iam nor kiam's agent runs there" };
}

function clientsOf(
  rules: RuleState | undefined,
  podAt: ReadonlyMap<string, PodFacts>,
): WorkerStatus["kube2iamClients"] {
  if (rules === undefined || "unread" in rules) return [];
  return Object.entries(rules.kube2iamClients ?? {})
    .map(([address, connections]) => {
      const pod = podAt.get(address);
      return { client: pod === undefined ? address : `${pod.namespace}/${pod.name}`, connections };
    })
    .sort((a, b) => compareText(a.client, b.client));
}
