import type { Finding } from "../audit/finding.js";
import type { CertificateFacts, ClusterFacts } from "../facts/clusterFacts.js";
import type { Plan } from "../plan/plan.js";
import type { Situation } from "../situation/situation.js";
import { whileLocked } from "../move/outcome.js";
import { stages, type Stage } from "../stages.js";
import { stageOfState, type StackStage, type StateResource } from "./stackState.js";
import { workerStatuses, type Asked, type WorkerStatus } from "./workerStatus.js";

/** Pods of a DaemonSet; undefined where there is none (yet). */
export type Rollout = { wanted: number; ready: number } | undefined;

export interface Rollouts {
  servers: Rollout;
  agents: Rollout;
}

/** Whether an update is under way; see automation/readStanding.ts. */
interface UpdateStanding {
  at: "rest" | "running" | "cut-short";
  said?: string;
  /** Of one that is running: whether a service such as Pulumi Cloud has it in progress. */
  byService?: boolean;
}

/** A certificate of kiam's: how many days it is valid, or why that is not known. */
export type CertificateStatus = { secret: string } & ({ days: number } | { problem: string });

/** Where a stack and its cluster stand. */
export interface Status {
  stack: string;
  stage: StackStage & { settings: Stage };
  update: UpdateStanding;
  /** Whether the state could be read: else nothing is known of what updates have done. */
  stateRead: boolean;
  /** Number of findings that stop an update at the settings' stage, as far as it looks. */
  blocking: number;
  workers: WorkerStatus[];
  servers: Rollout;
  agents: Rollout;
  certificates: CertificateStatus[];
  /** Nodes that no update has seen, by name. */
  unseen: string[];
  /** Commands to type next, the most sensible first. */
  next: string[];
}

interface Seen {
  stack: string;
  update: UpdateStanding;
  blocking: readonly Finding[];
  /** Undefined where the state cannot be read. */
  resources: readonly StateResource[] | undefined;
  rollouts: Rollouts;
  asked: Asked;
}

/** @param plan at the stage of the settings; undefined where findings leave nothing to plan with */
export function statusOf(situation: Situation, plan: Plan | undefined, seen: Seen): Status {
  const { settings, facts } = situation;
  const { stack, update, blocking, resources, rollouts, asked } = seen;
  const stage = { settings: settings.stage, ...stageOfState(resources ?? []) };
  const known = resources === undefined ? undefined : plan;
  const workers = workerStatuses(situation, known, resources ?? [], asked);
  const status = {
    stack,
    stage,
    update,
    stateRead: resources !== undefined,
    blocking: blocking.length,
    workers,
    ...rollouts,
    certificates: facts.certificates.map((each) => certificateStatus(each, facts)),
    unseen: isSeenFrom(stage) ? workers.filter(isUnseen).map(({ name }) => name) : [],
  };
  return { ...status, next: nextCommands(status) };
}

function isUnseen({ known, outside }: WorkerStatus): boolean {
  return !known && !outside;
}

/** Nodes get into the state with the agents. */
function isSeenFrom({ begun }: StackStage): boolean {
  return begun !== undefined && stages.indexOf(begun) >= stages.indexOf("agent");
}

function certificateStatus(
  certificate: CertificateFacts,
  { observedAt }: Pick<ClusterFacts, "observedAt">,
): CertificateStatus {
  const { secret } = certificate;
  if ("unread" in certificate) return { secret, problem: `not read: ${certificate.unread}` };
  if ("invalid" in certificate) return { secret, problem: certificate.invalid };
  const left = Date.parse(certificate.notAfter) - Date.parse(observedAt);
  return { secret, days: Math.floor(left / 86_400_000) };
}

/** Whether the settings' stage is there as a whole, and nothing is left to do on a worker. */
export function isDone({ stage, update, workers, unseen }: Omit<Status, "next">): boolean {
  return (
    update.at === "rest" &&
    stage.reached === stage.settings &&
    stage.begun === stage.settings &&
    unseen.length === 0 &&
    workers.every(
      ({ left, deviation, waits }) =>
        left?.length === 0 && deviation === undefined && (waits?.accepted ?? true),
    )
  );
}

/** Whether stage cutover is not reached for the one reason that there is no worker to move. */
export function hasNothingToMove({
  stage,
  update,
  workers,
  unseen,
}: Omit<Status, "next">): boolean {
  return (
    update.at === "rest" &&
    stage.settings === "cutover" &&
    stage.reached === "agent" &&
    unseen.length === 0 &&
    workers.every(({ left, waits }) => left?.length === 0 && waits === undefined)
  );
}

function nextCommands(status: Omit<Status, "next">): string[] {
  const { stack, stage, update } = status;
  const command = (name: string, rest = "") => `kiam-migrate ${name} --stack ${stack}${rest}`;
  if (update.at === "running") return whileLocked(stack, update.byService);
  if (update.at === "cut-short") return [command("recover")];
  if (!status.stateRead) return [];
  if (hasNothingToMove(status)) return [command("audit", ` --stage ${stage.settings}`)];
  if (!isDone(status)) {
    const { settings, begun } = stage;
    const back = begun !== undefined && stages.indexOf(begun) > stages.indexOf(settings);
    return [
      command(back ? "rollback" : "migrate", ` --to ${settings}`),
      command("audit", ` --stage ${settings}`),
    ];
  }
  const following = stages[stages.indexOf(stage.settings) + 1];
  return following === undefined
    ? []
    : [command("audit", ` --stage ${following}`), command("migrate", ` --to ${following}`)];
}
