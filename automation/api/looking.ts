import { isBlocking, type Finding } from "../../migration/audit/finding.js";
import { AuditError } from "../../migration/audit/refuse.js";
import { whileLocked } from "../../migration/move/outcome.js";
import type { PlanPreview } from "../../migration/preview/planPreview.js";
import type { Stage } from "../../migration/stages.js";
import { auditStack, type AuditAnswer } from "../look/auditStack.js";
import type { Looks } from "../look/look.js";
import { planStack } from "../look/planStack.js";
import { statusOfStack, type StatusAnswer } from "../look/statusOfStack.js";
import { BlockedError, CutShortError, StackLockedError, StoppedError } from "./errors.js";
import { eventProgress, running, type Running } from "./running.js";
import type { MigrationStack } from "./stack.js";

/** What everything that runs can be given. */
export interface Stoppable {
  /**
   * Aborted to stop. In an update, what is under way on a worker comes to its end first; see
   * stopOnSignals.
   */
  signal?: AbortSignal;
}

export interface AuditOptions extends Stoppable {
  /** The stage to judge for; default: that of the settings. */
  stage?: Stage;
  /** Whether to look at IAM; default true. */
  iam?: boolean;
  /** Whether to read kube2iam's log; default true. */
  log?: boolean;
  /** Whether to look at the workers over SSH, where a login is set; default true. */
  ssh?: boolean;
  /** Whether to really assume each role through the kiam-server role; default false. */
  tryAssumeRole?: boolean;
}

/** What the audit found. */
export interface AuditReport extends AuditAnswer {
  /** Of the findings, those that stop an update. */
  blocking: Finding[];
}

/** Judges the cluster: what stands in the way, and a verdict for every pod. Changes nothing. */
export function audit(stack: MigrationStack, options: AuditOptions = {}): Running<AuditReport> {
  const { stage, signal } = options;
  return running(async (emit) => {
    const progress = eventProgress(emit, () => refuseStopped(stack, signal));
    const answer = await auditStack({ ...placeOf(stack), stage }, looksOf(options), { progress });
    return { ...answer, blocking: answer.findings.filter(isBlocking) };
  });
}

export interface PlanOptions extends Stoppable {
  /** The stage to end at; default: that of the settings. */
  to?: Stage;
  /** Whether to look at the workers over SSH, where a login is set; default true. */
  ssh?: boolean;
}

/** What a move would do. */
export interface MigrationPlan extends PlanPreview {
  /** By which migrate and rollback can be told to do just this. */
  id: string;
  /** Passed through in order, each by an update of its own. */
  stages: Stage[];
}

/**
 * Plans what a move would do. Changes nothing. Rejects with {@link BlockedError} where findings stand
 * in the way, {@link StackLockedError} or {@link CutShortError} where no update can begin.
 */
export function plan(stack: MigrationStack, options: PlanOptions = {}): Running<MigrationPlan> {
  const { to: stage, ssh = true, signal } = options;
  const { stackName } = stack;
  return running(async (emit) => {
    const progress = eventProgress(emit, () => refuseStopped(stack, signal));
    const wanted = { ...placeOf(stack), stage, ssh };
    const { blocking, busy, preview } = await planStack(wanted, { progress });
    const command = (rest: string) => `kiam-migrate ${rest} --stack ${stackName}`;
    if (busy !== undefined) {
      const message = busy.said;
      throw busy.at === "running"
        ? new StackLockedError({ stackName, message, next: whileLocked(stackName, busy.byService) })
        : new CutShortError({ stackName, message, next: [command("recover")] });
    }
    if (preview?.move === undefined) {
      const { message } = new AuditError(blocking);
      throw new BlockedError({ stackName, message, next: [command("audit")] }, stage, blocking);
    }
    return { ...preview, id: preview.move.planId, stages: preview.move.stages };
  });
}

export interface StatusOptions extends Stoppable {
  /** Whether to have a pod on each worker ask who answers; else nothing is changed. Default false. */
  ask?: boolean;
}

/** Where the stack and every worker stand, and what is left to do. */
export function status(
  stack: MigrationStack,
  { ask = false, signal }: StatusOptions = {},
): Running<StatusAnswer> {
  return running((emit) => {
    const progress = eventProgress(emit, () => refuseStopped(stack, signal));
    return statusOfStack({ ...placeOf(stack), ask }, { progress });
  });
}

/** The stack as the functions below know it. */
export function placeOf({ stackName, directory }: MigrationStack): { stack: string; cwd: string } {
  return { stack: stackName, cwd: directory };
}

/** All looks but those that were turned off. */
export function looksOf({ iam = true, log = true, ssh = true, tryAssumeRole }: Looks): Looks {
  return { iam, log, ssh, tryAssumeRole };
}

/** @throws StoppedError where it is to stop before anything was begun */
export function refuseStopped({ stackName }: MigrationStack, signal: AbortSignal | undefined) {
  if (signal?.aborted !== true) return;
  const message = "Stopped, as asked. Nothing was touched.";
  throw new StoppedError(
    { stackName, message, cause: signal.reason },
    { at: undefined, moves: [], steps: [] },
  );
}
