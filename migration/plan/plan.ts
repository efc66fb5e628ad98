import type { ClusterFacts, NodeFacts, RecordedKube2iam } from "../facts/clusterFacts.js";
import { cutoverGeneration } from "./cutoverGeneration.js";
import {
  hasFailed,
  isProven,
  mayBeCutOver,
  isStuckOnKiam,
  parseCutoverRecord,
  rehearsalOf,
} from "./cutoverRecord.js";
import {
  effectiveKube2iam,
  effectiveRoleBaseArn,
  type EffectiveKube2iam,
} from "../kube2iam/effective.js";
import { compareText, own } from "../text/text.js";
import { goesBack } from "../situation/goingBack.js";
import { asksHostKey, hostKeyOf } from "../situation/hostKeyOf.js";
import { assumableRoles } from "../iam/chain.js";
import { isKiamOnly } from "../kiam/kiamOnly.js";
import { brokenBecause } from "../situation/nodeStandings.js";
import { mayMove, serverNodes, sshAddress, workerNodes } from "../situation/nodeSelection.js";
import { agentInterface } from "../situation/target.js";
import { digest } from "../text/digest.js";
import { resolveRoleArn } from "../kiam/permitted.js";
import { preStopToken } from "../kube2iam/preStopToken.js";
import type { Settings } from "../settings/schema.js";
import { reaches, type Stage } from "../stages.js";
import { isAcceptedAsBroken, waitsBecause } from "./waiting.js";
import { withoutAskingKiam } from "../situation/wayBack.js";

/*
 * The plan is data: what will be declared, for which workers, in which order. Components declare
 * it, the command line prints it, tests assert it.
 */

export interface Plan {
  stage: Stage;
  /** Whether it leads to an earlier stage than is reached; see wayBack.ts. */
  goesBack: boolean;
  kube2iam: Omit<EffectiveKube2iam, "unusable"> & { interface: string };
  /** What is recorded in the cluster so that it outlives kube2iam. */
  record: RecordedKube2iam;
  /** See preStopToken.ts. */
  preStopToken: string;
  /** Another one each time a retirement stopped because of connections; a safe word for a shell. */
  drainAttempt: string;
  roleBaseArn: string;
  /** ARN patterns that the kiam-server role may assume. */
  assumableRoles: string[];
  /** See ClusterFacts. */
  admissionPolicies: boolean;
  /** Interface of the kiam agent's rule. */
  agentInterface: string;
  /** Names of the nodes that run kiam's server. */
  servers: string[];
  /** The workers that move, in the order in which they do. */
  waves: Wave[];
  /** Workers of node groups that the settings leave on kube2iam, by name. */
  staying: PlannedWorker[];
  /** Workers whose move has to wait for something, by name. */
  waiting: WaitingWorker[];
  /** Nodes outside the workers that the settings acknowledge to lose kube2iam at its retirement, by name. */
  outside: string[];
  probe: PlannedProbe | undefined;
}

export interface Wave {
  /** `retry-1`, …, `canary-1`, `canary-2`, …, `wave-1`, … */
  name: string;
  /** Moved at the same time; the next wave waits for all of them. */
  workers: PlannedWorker[];
}

export interface WaitingWorker {
  name: string;
  why: string;
  /**
   * Whether an update may succeed all the same: the settings acknowledge it, or it goes back, which
   * nothing that is broken may hold up, or kube2iam was retired long ago.
   */
  accepted: boolean;
  /** What can be done there meanwhile; undefined where nothing can. */
  worker: PlannedWorker | undefined;
}

export interface PlannedWorker {
  name: string;
  /** The node's uid: another one where it was replaced under its name. */
  uid: string;
  /** Address in the DNAT rules; the node's internal IP. Undefined only where it is held. */
  hostIp: string | undefined;
  /** How its rule is removed. */
  access: Settings["workers"]["access"];
  /** Where SSH connects to. Undefined only where SSH has nothing to do there, or it is held. */
  address: string | undefined;
  /** See NodeFacts. */
  providerId: string | undefined;
  /** Public host key; undefined where it is asked for, or where the settings accept unknown hosts. */
  hostKey: string | undefined;
  /** See cutoverGeneration.ts. */
  generation: string;
  /** What happens to it at the plan's stage, in order. */
  steps: WorkerStep[];
  /**
   * What is declared for it stays as it is: it cannot be reached now, or was moved and cannot be by
   * SSH, or the update goes back.
   */
  held: boolean;
}

/**
 * shadow-probe: a pod on the worker gets its role from the agent directly, needing no rule.
 * ask-host-key: its public host key is asked for, for SSH; see ssh.hostKeyCommand.
 * capture: kube2iam's rule is read, for the way back.
 * recheck: kiam's rule is there, and the shadow probe passes again, right before the removal.
 * remove-rule: kube2iam's rule is deleted over SSH.
 * rehearse-undo: the rule is put back, a pod gets its role from kube2iam, the rule is deleted again.
 * live-probe: a pod on the worker gets its role through 169.254.169.254.
 * return: it is brought back to kube2iam, since it could not be reached when all others were.
 */
export type WorkerStep =
  | "shadow-probe"
  | "ask-host-key"
  | "capture"
  | "recheck"
  | "remove-rule"
  | "rehearse-undo"
  | "live-probe"
  | "return";

export interface PlannedProbe {
  /** The role as the probe pod's annotation names it. */
  role: string;
  roleArn: string;
  image: string;
  namespace: string;
}

/**
 * Decides everything. Unchanged input gives an identical plan.
 *
 * @throws Error where the facts do not suffice; an audit without blocking findings rules that out
 */
export function makePlan(settings: Settings, facts: ClusterFacts): Plan {
  const kube2iam = effectiveKube2iam(settings, facts);
  const roleBaseArn = effectiveRoleBaseArn(settings, facts);
  const { unusable, ...usable } = kube2iam;
  if (unusable.length > 0) {
    throw new Error(
      `The plan needs flags of kube2iam that cannot be used: ${unusable.map(({ flag }) => `--${flag}`).join(", ")}; the audit says how to supply them.`,
    );
  }
  if (kube2iam.interface === undefined || roleBaseArn === undefined) {
    throw new Error(
      "The plan needs kube2iam's interface and the role base ARN; the audit says how to supply them.",
    );
  }
  const nodes = workerNodes(settings, facts.nodes);
  const back = goesBack(settings, facts);
  const retired = reaches(settings.stage, "retire") && facts.kube2iam === undefined;
  const waiting = nodes.flatMap((node): WaitingWorker[] => {
    const why = waitsBecause(settings, facts, node);
    if (why === undefined) return [];
    return [
      {
        name: node.name,
        why,
        accepted: back || retired || isAcceptedAsBroken(settings, facts, node),
        // One that was moved keeps what it has. Of one that was not, nothing can be proven.
        worker:
          node.ready && node.internalIp !== undefined && !mayBeCutOver(node)
            ? { ...planWorker(settings, facts, node), steps: ["shadow-probe"] }
            : undefined,
      },
    ];
  });
  const held = new Set(waiting.map(({ name }) => name));
  const present = nodes.filter((node) => !held.has(node.name) || mayBeCutOver(node));
  const moving = present.filter((node) => mayMove(settings, node));
  const waves = makeWaves(
    moving.map((node) => planWorker(settings, facts, node)),
    {
      failed: moving.filter((node) => hasFailed(recordOf(node))).map((node) => node.name),
      canaries: settings.workers.canaries,
      waveSize: settings.workers.waveSize,
    },
  );
  const staying = present
    .filter((node) => !mayMove(settings, node))
    .map((node) => planWorker(settings, facts, node));
  const plan: Plan = {
    stage: settings.stage,
    goesBack: back,
    kube2iam: { ...usable, interface: kube2iam.interface },
    record: {
      port: kube2iam.port,
      interface: kube2iam.interface,
      baseRoleArn: kube2iam.baseRoleArn,
    },
    preStopToken: preStopToken(facts),
    drainAttempt: digest([facts.notes.connectionsLeft ?? ""]),
    roleBaseArn,
    assumableRoles: assumableRoles(settings, roleBaseArn),
    admissionPolicies: facts.admissionPolicies,
    agentInterface: agentInterface(settings, { interface: kube2iam.interface }),
    servers: serverNodes(settings, facts.nodes).map((node) => node.name),
    waves: withRehearsal(waves, rehearsalWorker(settings, moving, waves)),
    staying,
    waiting,
    outside: acceptedOutside(settings),
    probe: planProbe(settings, roleBaseArn),
  };
  return back ? withoutAskingKiam(plan, nodes) : plan;
}

function acceptedOutside({ audit }: Settings): string[] {
  return audit.acknowledged
    .filter(({ code }) => code === "node-outside-workers")
    .map(({ object }) => object.replace(/^node\//, ""))
    .sort(compareText);
}

function planWorker(settings: Settings, facts: ClusterFacts, node: NodeFacts): PlannedWorker {
  const { access } = settings.workers;
  return {
    name: node.name,
    uid: node.uid,
    hostIp: node.internalIp,
    access,
    address: access === "exec" ? node.internalIp : sshAddress(settings, node),
    providerId: node.providerId,
    hostKey: hostKeyOf(settings, node),
    generation: generationOf(facts, node),
    held: isHeld(settings, facts, node),
    steps: [
      ...(reaches(settings.stage, "agent") ? (["shadow-probe"] as const) : []),
      ...(reaches(settings.stage, "cutover") && mayMove(settings, node)
        ? cutoverSteps(settings, facts, node)
        : isStuckOnKiam(recordOf(node))
          ? (["return"] as const)
          : []),
    ],
  };
}

/** One that was moved is held as well where SSH lacks its address: the removal would run again. */
function isHeld(settings: Settings, facts: ClusterFacts, node: NodeFacts): boolean {
  const why = mayBeCutOver(node) ? waitsBecause(settings, facts, node) : brokenBecause(node);
  return why !== undefined;
}

function generationOf(facts: ClusterFacts, node: NodeFacts): string {
  const last = recordOf(node);
  // Nothing can be done there now: what was proven stands until the node can be looked at.
  if (brokenBecause(node) !== undefined && isProven(last)) return last.generation;
  return cutoverGeneration(
    node,
    own(facts.kube2iam?.pods, node.name)?.uid,
    own(facts.rules, node.name),
  );
}

/** Where kube2iam never was there is no rule to capture or to remove, and no need for SSH. */
function cutoverSteps(settings: Settings, facts: ClusterFacts, node: NodeFacts): WorkerStep[] {
  if (isKiamOnly(facts, node)) return ["recheck", "live-probe"];
  const asks = settings.workers.access === "ssh" && asksHostKey(settings, node);
  return [
    ...(asks ? (["ask-host-key"] as const) : []),
    ...(["capture", "recheck", "remove-rule", "live-probe"] as const),
  ];
}

function recordOf(node: NodeFacts) {
  return parseCutoverRecord(node.cutoverAnnotation);
}

/**
 * The worker on which the way back is rehearsed: the first to move, and never one that pods
 * depend on already. Whoever was it stays it, so that nothing changes afterwards.
 */
function rehearsalWorker(
  settings: Settings,
  moving: readonly NodeFacts[],
  waves: readonly Wave[],
): string | undefined {
  if (!settings.workers.canaryRehearsal || !reaches(settings.stage, "cutover")) return undefined;
  const rehearsed = moving.find((node) => rehearsalOf(recordOf(node)).rehearsed !== undefined);
  if (rehearsed !== undefined) {
    // By another way of access it would be other resources, which would run again.
    const byExec = recordOf(rehearsed)?.rehearsed === "exec";
    return byExec === (settings.workers.access === "exec") ? rehearsed.name : undefined;
  }
  if (moving.some((node) => mayBeCutOver(node))) return undefined;
  return waves[0]?.workers[0]?.name;
}

function withRehearsal(waves: readonly Wave[], name: string | undefined): Wave[] {
  return waves.map((wave) => ({
    ...wave,
    workers: wave.workers.map((worker) =>
      worker.name === name && worker.steps.includes("remove-rule")
        ? {
            ...worker,
            steps: worker.steps.flatMap((step): WorkerStep[] =>
              step === "live-probe" ? ["rehearse-undo", "live-probe"] : [step],
            ),
          }
        : worker,
    ),
  }));
}

export interface WaveOrder {
  /** Workers whose last cutover did not end well: they go first, one by one. */
  failed: readonly string[];
  /** Then these, one by one, in this order; the first of the others by name when empty. */
  canaries: readonly string[];
  /** Then the others by name, so many at a time: a number, or a percentage of them. */
  waveSize: number | string;
}

/** The workers in the order in which they move. Names that are no worker's (any more) are passed over. */
export function makeWaves(
  workers: readonly PlannedWorker[],
  { failed, canaries, waveSize }: WaveOrder,
): Wave[] {
  const retried = workers.filter((worker) => failed.includes(worker.name));
  const others = workers.filter((worker) => !failed.includes(worker.name));
  const named = canaries.flatMap((name) => others.filter((worker) => worker.name === name));
  // Somebody has to be first, and alone.
  const alone = canaries.length === 0 && retried.length === 0 ? others.slice(0, 1) : named;
  const rest = others.filter((worker) => !alone.includes(worker));
  const size =
    typeof waveSize === "number"
      ? waveSize
      : Math.max(1, Math.ceil((rest.length * Number.parseInt(waveSize, 10)) / 100));
  const waves: Wave[] = [
    ...retried.map((worker, index) => ({ name: `retry-${index + 1}`, workers: [worker] })),
    ...alone.map((worker, index) => ({ name: `canary-${index + 1}`, workers: [worker] })),
  ];
  for (let start = 0; start < rest.length; start += size) {
    waves.push({ name: `wave-${start / size + 1}`, workers: rest.slice(start, start + size) });
  }
  return waves;
}

function planProbe(settings: Settings, roleBaseArn: string): PlannedProbe | undefined {
  const { role, image, namespace } = settings.probe;
  if (role === undefined) return undefined;
  return {
    role,
    roleArn: resolveRoleArn(role, roleBaseArn),
    image: image ?? settings.kiam.image,
    namespace: namespace ?? settings.kiam.namespace,
  };
}

/** All workers of a plan on which something is done: those that move, in their order, then the others. */
export function plannedWorkers(plan: Plan): PlannedWorker[] {
  return [
    ...plan.waves.flatMap((wave) => wave.workers),
    ...plan.staying,
    ...plan.waiting.flatMap(({ worker }) => worker ?? []),
  ];
}

/** What an update may not succeed without: all but the workers that may wait (WaitingWorker.accepted). */
export function toAccountFor(plan: Plan): { workers: PlannedWorker[]; waiting: WaitingWorker[] } {
  const accepted = new Set(plan.waiting.flatMap((each) => (each.accepted ? [each.name] : [])));
  return {
    workers: plannedWorkers(plan).filter(({ name }) => !accepted.has(name)),
    waiting: plan.waiting.filter((each) => !each.accepted),
  };
}
