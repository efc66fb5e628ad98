import type { RecordedKube2iam } from "../facts/clusterValues.js";
import type { EffectiveKube2iam } from "../kube2iam/effective.js";
import type { Settings } from "../settings/schema.js";
import type { Stage } from "../stages.js";
import type { WorkerStep } from "./steps.js";

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
  /** What happens to it at the plan's stage, in order; see steps.ts. */
  steps: WorkerStep[];
  /**
   * What is declared for it stays as it is: it cannot be reached now, or was moved and cannot be by
   * SSH, or the update goes back.
   */
  held: boolean;
}

export interface PlannedProbe {
  /** The role as the probe pod's annotation names it. */
  role: string;
  roleArn: string;
  image: string;
  namespace: string;
}

/** Whether it is cut over by the plan, or stays so. */
export function movesToKiam({ steps }: PlannedWorker): boolean {
  return steps.includes("live-probe");
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
