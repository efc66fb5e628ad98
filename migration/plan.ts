import type { ClusterFacts, NodeFacts, RecordedKube2iam } from "./clusterFacts.js";
import { cutoverGeneration } from "./cutoverGeneration.js";
import {
  effectiveKube2iam,
  effectiveRoleBaseArn,
  type EffectiveKube2iam,
} from "./effectiveKube2iam.js";
import { serverNodes, workerNodes } from "./nodeSelection.js";
import { resolveRoleArn } from "./permitted.js";
import type { Settings } from "./settings.js";
import { reaches, type Stage } from "./stages.js";

/*
 * The plan is data: what will be declared, for which workers, in which order. Components declare
 * it, the command line prints it, tests assert it.
 */

export interface Plan {
  stage: Stage;
  kube2iam: EffectiveKube2iam & { interface: string };
  /** What is recorded in the cluster so that it outlives kube2iam. */
  record: RecordedKube2iam;
  roleBaseArn: string;
  /** ARN patterns that the kiam-server role may assume. */
  assumableRoles: string[];
  /** Interface of the kiam agent's rule. */
  agentInterface: string;
  /** Names of the nodes that run kiam's server. */
  servers: string[];
  /** All workers in the order in which they move. */
  waves: Wave[];
  probe: PlannedProbe | undefined;
}

export interface Wave {
  /** `canary-1`, `canary-2`, …, `wave-1`, … */
  name: string;
  /** Moved at the same time; the next wave waits for all of them. */
  workers: PlannedWorker[];
}

export interface PlannedWorker {
  name: string;
  /** Address in the DNAT rules; the node's internal IP. */
  hostIp: string;
  /** Where SSH connects to. */
  address: string;
  /** Public host key; undefined where the settings accept unknown hosts. */
  hostKey: string | undefined;
  /** See cutoverGeneration.ts. */
  generation: string;
  /** What happens to it at the plan's stage, in order. */
  steps: WorkerStep[];
}

/**
 * shadow-probe: a pod on the worker gets its role from the agent directly, needing no rule.
 * capture: kube2iam's rule is read, for the way back.
 * remove-rule: kube2iam's rule is deleted over SSH.
 * live-probe: a pod on the worker gets its role through 169.254.169.254.
 */
export type WorkerStep = "shadow-probe" | "capture" | "remove-rule" | "live-probe";

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
  const roleBaseArn = effectiveRoleBaseArn(settings, kube2iam);
  if (kube2iam.interface === undefined || roleBaseArn === undefined) {
    throw new Error(
      "The plan needs kube2iam's interface and the role base ARN; the audit says how to supply them.",
    );
  }
  const workers = workerNodes(settings, facts.nodes).map((node) =>
    planWorker(settings, facts, node),
  );
  return {
    stage: settings.stage,
    kube2iam: { ...kube2iam, interface: kube2iam.interface },
    record: {
      port: kube2iam.port,
      interface: kube2iam.interface,
      baseRoleArn: kube2iam.baseRoleArn,
    },
    roleBaseArn,
    assumableRoles: settings.iam.assumableRoles ?? [`${roleBaseArn}*`],
    agentInterface: settings.kiam.hostInterface ?? kube2iam.interface,
    servers: serverNodes(settings, facts.nodes).map((node) => node.name),
    waves: makeWaves(workers, settings.workers.canaries, settings.workers.waveSize),
    probe: planProbe(settings, roleBaseArn),
  };
}

function planWorker(settings: Settings, facts: ClusterFacts, node: NodeFacts): PlannedWorker {
  const listed = settings.workers.list?.find((worker) => worker.name === node.name)?.address;
  const address =
    listed ??
    {
      InternalIP: node.internalIp,
      ExternalIP: node.externalIp,
      Hostname: node.hostname,
    }[settings.workers.addressType];
  if (node.internalIp === undefined || address === undefined) {
    throw new Error(`Worker ${node.name} has no address to use; the audit says how to supply one.`);
  }
  return {
    name: node.name,
    hostIp: node.internalIp,
    address,
    hostKey: settings.ssh.hostKeys[node.name],
    generation: cutoverGeneration(node, facts.kube2iam?.pods[node.name]?.uid),
    steps: [
      ...(reaches(settings.stage, "agent") ? (["shadow-probe"] as const) : []),
      ...(reaches(settings.stage, "cutover")
        ? (["capture", "remove-rule", "live-probe"] as const)
        : []),
    ],
  };
}

/**
 * Canaries one by one in the order given, then the others by name in waves. A canary that is no
 * worker (any more) is passed over.
 */
export function makeWaves(
  workers: readonly PlannedWorker[],
  canaries: readonly string[],
  waveSize: number | string,
): Wave[] {
  const first = canaries.flatMap((name) => workers.filter((worker) => worker.name === name));
  const rest = workers.filter((worker) => !canaries.includes(worker.name));
  const size =
    typeof waveSize === "number"
      ? waveSize
      : Math.max(1, Math.ceil((rest.length * Number.parseInt(waveSize, 10)) / 100));
  const waves: Wave[] = first.map((worker, index) => ({
    name: `canary-${index + 1}`,
    workers: [worker],
  }));
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

/** All workers of a plan, in the order in which they move. */
export function plannedWorkers(plan: Plan): PlannedWorker[] {
  return plan.waves.flatMap((wave) => wave.workers);
}
