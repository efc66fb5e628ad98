import { rm } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";

import type { Deployment, Stack } from "@pulumi/pulumi/automation";

import { messageOf } from "../../migration/text/text.js";
import { silentProgress, type Progress } from "../progress.js";
import { backendOf, cutAttributes } from "../stack/fileBackend.js";
import { exportState, type ReadableStack } from "../stack/readableStack.js";
import { askForLocks } from "./askForLocks.js";
import { gatesStillRunning } from "./leftoverGates.js";
import { describeUnderWay, pendingIn, type PendingOperation } from "./pendingOperations.js";
import { importUnlessOvertaken, lastUpdates } from "./serviceUpdate.js";
import {
  describeLock,
  readLocks,
  releaseEndedLock,
  unlessLocked,
  UpdateLockedError,
  type UpdateLock,
} from "./updateLock.js";

/** See {@link RecoverOptions.look}. */
export type LookAtWorkers = (workers: readonly string[]) => Promise<readonly string[]>;

export interface RecoverOptions {
  /**
   * Is given the names of the workers (nodes) that may be half-way. Each has to be in one of the two
   * known states: on kube2iam as captured, or on kiam with its agent healthy. Returns a line for
   * each that is not. Any line, or a rejection, stops the recovery. Not called where nothing that
   * was under way changes a worker.
   */
  look: LookAtWorkers;
  /** Seconds to wait for gates of the dead engine that still run; default 60. */
  leftoverSeconds?: number;
  /** Default: shows nothing. */
  progress?: Progress;
}

/** What an update that was cut short has left. */
export interface Interruption {
  /** Locks of engines that have ended. */
  locks: UpdateLock[];
  operations: PendingOperation[];
  /**
   * The file that keeps the state from being read, so that the operations are not known; see
   * fileBackend.ts. Recovering removes it first.
   */
  cutAttributes?: string;
}

/** The stack's last update was cut short, and that has not been recovered. */
export class InterruptedUpdateError extends Error {
  constructor(
    stackName: string,
    readonly interruption: Interruption,
    /** Why it was not recovered. */
    reasons: readonly string[],
  ) {
    super(
      [
        `The last update of stack ${stackName} was cut short. Nothing was touched now.`,
        ...describeInterruption(interruption),
        ...reasons,
      ].join("\n"),
    );
    this.name = "InterruptedUpdateError";
  }
}

/** What was left, and what becomes of it; a line or two for each. */
export function describeInterruption({ locks, operations, cutAttributes }: Interruption): string[] {
  return [
    ...locks.map(describeLock),
    ...(cutAttributes === undefined
      ? []
      : [
          `  ${cutAttributes} was being written and is not whole: as long as it is there, the engine can't read the state (EOF)\n    The state beside it is whole, and needs nothing of it. What was under way can be told once it is gone.`,
        ]),
    ...describeUnderWay(operations),
  ];
}

/**
 * What an earlier update has left; undefined where nothing stands in the way of a new one.
 * Changes nothing.
 *
 * @param asking whether the engine is asked for locks where none are listed. That holds one for an
 *   instant, so it is for those who have met a lock, or are about to clear one. Without it the engine
 *   is asked only where something is pending, and Pulumi Cloud always.
 * @throws UpdateLockedError while another update runs, or may run
 */
export async function findInterruption(
  stack: ReadableStack,
  asking = false,
): Promise<Interruption | undefined> {
  return (await lookAtLastUpdate(stack, asking)).left;
}

/** The same with the state in which that was seen, unless it cannot be read. */
export async function lookAtLastUpdate(
  stack: ReadableStack,
  asking = false,
): Promise<{ left: Interruption | undefined; state: Deployment | undefined }> {
  const { file: backend, isService } = await backendOf(stack);
  const listed = backend === undefined ? [] : await readLocks(backend);
  // To ask a service takes nothing.
  const ask = listed.length === 0 && (asking || isService);
  let locks = ask ? await askForLocks(stack) : listed;
  refuseRunning(stack, locks);
  const cut = backend && (await cutAttributes(backend));
  if (cut !== undefined) {
    return { left: { locks, operations: [], cutAttributes: cut }, state: undefined };
  }
  // Another update may have begun, and be writing, since locks were looked for.
  const readState = () => unlessLocked(stack, () => exportState(stack));
  let state = await readState();
  if (locks.length === 0 && !asking && pendingIn(state).length > 0) {
    // What is pending may be of an update that runs, or one that has ended since the state was read.
    locks = await askForLocks(stack);
    refuseRunning(stack, locks);
    state = await readState();
  }
  const operations = pendingIn(state);
  const left = locks.length + operations.length > 0;
  return { left: left ? { locks, operations } : undefined, state };
}

/** @throws UpdateLockedError where the owner of one of these locks runs, or may run */
function refuseRunning(stack: ReadableStack, locks: readonly UpdateLock[]): void {
  const locked = new UpdateLockedError(stack.name, { locks });
  if (locks.length > 0 && !locked.onlyLeft) throw locked;
}

/**
 * Refuses a stack whose last update was cut short.
 *
 * @throws UpdateLockedError, InterruptedUpdateError
 */
export async function refuseInterrupted(stack: Stack, asking?: boolean): Promise<void> {
  const interruption = await findInterruption(stack, asking);
  if (interruption !== undefined) {
    throw new InterruptedUpdateError(stack.name, interruption, [
      `Recover it (kiam-migrate recover --stack ${stack.name}): this looks at the workers, and clears what is pending only if each is in a known state. Everything that was under way can be run again.`,
    ]);
  }
}

/**
 * Clears what an update has left that was cut short: waits for gates of the dead engine, looks at
 * the workers, removes the engine's lock, and then the pending operations. No resource is touched
 * and none is refreshed. Without this, a pending creation stays in the state for ever: neither the
 * update that makes the resource nor a refresh takes it out.
 *
 * @returns what was cleared; undefined where there was nothing to do
 * @throws UpdateLockedError while another update runs; InterruptedUpdateError where a worker is in
 *   no known state or a gate of the dead engine still runs. Then nothing was changed.
 */
export async function recoverInterrupted(
  stack: Stack,
  options: RecoverOptions,
  asking?: boolean,
): Promise<Interruption | undefined> {
  const interruption = await findInterruption(stack, asking);
  if (interruption === undefined) return undefined;
  const { progress = silentProgress } = options;
  progress.note(`Recovering stack ${stack.name}, whose last update was cut short:`);
  progress.note(describeInterruption(interruption).join("\n"));
  if (interruption.cutAttributes !== undefined) {
    await rm(interruption.cutAttributes, { force: true });
    return (await recoverInterrupted(stack, options, asking)) ?? interruption;
  }
  const objections = await progress.run("look at what was under way", async () => [
    ...(await gatesStillRunning(options.leftoverSeconds)),
    ...(await workersInNoKnownState(interruption.operations, options.look)),
  ]);
  if (objections.length > 0) {
    throw new InterruptedUpdateError(stack.name, interruption, ["Not recovered:", ...objections]);
  }
  await clear(stack, interruption);
  return interruption;
}

/** Workers that may be half-way and are in no known state, a line each. */
async function workersInNoKnownState(
  operations: readonly PendingOperation[],
  look: LookAtWorkers,
): Promise<string[]> {
  const workers = [...new Set(operations.flatMap((operation) => operation.workers))].sort();
  if (workers.length === 0) return [];
  try {
    return (await look(workers)).map((finding) => `  ${finding}`);
  } catch (error) {
    // A worker that can't be looked at is in no known state.
    return [`  ${workers.join(", ")} can't be looked at: ${messageOf(error)}`];
  }
}

/** Takes away exactly what was looked at, or stops. */
async function clear(stack: Stack, interruption: Interruption): Promise<void> {
  const { locks, operations } = interruption;
  const overtaken = () =>
    new InterruptedUpdateError(stack.name, interruption, [
      "Not recovered: another update came in between, or the stack was recovered from elsewhere. What that has written stays. Run this again.",
    ]);
  const { isService } = await backendOf(stack);
  const since = isService ? await lastUpdates(stack) : undefined;
  // Exported while the lock is there: no other update can change the state. A service has no lock.
  const state = await exportState(stack);
  const pending = pendingIn(state);
  const looked = new Set(operations.map(keyOf));
  if (pending.some((operation) => !looked.has(keyOf(operation)))) throw overtaken();
  for (const { file, ...lock } of locks) {
    if (file !== undefined && !(await releaseEndedLock({ ...lock, file }))) throw overtaken();
  }
  if (locks.every(({ file }) => file === undefined)) {
    // `pulumi cancel` takes every lock there is. So they are asked for once more, right before it.
    const now = await askForLocks(stack);
    refuseRunning(stack, now);
    if (!isDeepStrictEqual(now.map(ownerOf).sort(), locks.map(ownerOf).sort())) throw overtaken();
    if (now.length > 0) await stack.cancel();
  }
  // An import drops every pending operation from the state.
  if (pending.length === 0) return;
  const imported = await unlessLocked(stack, async () =>
    since === undefined
      ? stack.importStack(state).then(() => true)
      : importUnlessOvertaken(stack, state, since),
  );
  if (!imported) throw overtaken();
}

function ownerOf({ host, pid, since }: UpdateLock): string {
  return `${host} ${pid} ${since.toISOString()}`;
}

function keyOf({ operation, urn }: PendingOperation): string {
  return `${operation} ${urn}`;
}
