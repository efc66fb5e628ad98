import { rm } from "node:fs/promises";

import { ConcurrentUpdateError, type Stack } from "@pulumi/pulumi/automation";

import { Deadline, waitFor } from "../../cluster/wait.js";
import { messageOf } from "../../migration/text/text.js";
import { silentProgress, type Progress } from "../progress.js";
import { cutAttributes, fileBackend } from "../stack/fileBackend.js";
import { findLeftoverGates, type LeftoverGate } from "./leftoverGates.js";
import {
  describePending,
  pendingIn,
  whatFollows,
  type PendingOperation,
} from "./pendingOperations.js";
import {
  describeLock,
  locksOfRefusal,
  readLocks,
  releaseEndedLock,
  UpdateLockedError,
  type UpdateLock,
} from "./updateLock.js";

/** Seconds that gates of a dead engine are given to come to their end. */
const defaultLeftoverSeconds = 60;

/** Looks at the workers that an engine may have left half-way; see {@link RecoverOptions}. */
export type LookAtWorkers = (workers: readonly string[]) => Promise<readonly string[]>;

export interface RecoverOptions {
  /**
   * Gets the names of the workers (nodes) that something under way may have left half-way. Each has
   * to be in one of the two known states: on kube2iam as captured, or on kiam with its agent
   * healthy. Returns what is not so, a line each; anything but nothing, or a rejection, stops the
   * recovery. Not called where nothing that was under way changes a worker.
   */
  look: LookAtWorkers;
  /** How long to wait for gates of the dead engine that still run; default 60. */
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
   * File for which the state can't be read, so that the operations are not known; see
   * cutAttributes.ts. It is of no use, and recovering removes it first.
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
    cause?: unknown,
  ) {
    super(
      [
        `The last update of stack ${stackName} was cut short. Nothing was touched now.`,
        ...describeInterruption(interruption),
        ...reasons,
      ].join("\n"),
      { cause },
    );
    this.name = "InterruptedUpdateError";
  }
}

/** What was left and what becomes of it, for people. */
function describeInterruption({ locks, operations, cutAttributes }: Interruption): string[] {
  return [
    ...locks.map(describeLock),
    ...(cutAttributes === undefined
      ? []
      : [
          `  ${cutAttributes} was being written and is not whole: as long as it is there, the engine can't read the state (EOF)\n    The state beside it is whole, and needs nothing of it. What was under way can be told once it is gone.`,
        ]),
    ...operations.map(
      (operation) => `  under way: ${describePending(operation)}\n    ${whatFollows(operation)}`,
    ),
  ];
}

/**
 * What an earlier update has left; undefined where nothing stands in the way of a new one.
 * Changes nothing.
 *
 * @param refusal what the engine answered, where locks can't be listed: one whose locks were only left
 * @throws UpdateLockedError while somebody else is changing the stack, or may be
 */
async function findInterruption(
  stack: Stack,
  refusal?: UpdateLockedError,
): Promise<Interruption | undefined> {
  const backend = await fileBackend(stack);
  const listed = backend === undefined ? [] : await readLocks(backend);
  const locks = listed.length > 0 ? listed : [...(refusal?.locks ?? [])];
  const locked = new UpdateLockedError(stack.name, locks, refusal);
  if (locks.length > 0 && !locked.onlyLeft) throw locked;
  const cut = backend && (await cutAttributes(backend));
  if (cut !== undefined) return { locks, operations: [], cutAttributes: cut };
  const operations = pendingIn(await stack.exportStack());
  return locks.length + operations.length > 0 ? { locks, operations } : undefined;
}

/**
 * Refuses a stack whose last update was cut short.
 *
 * @throws UpdateLockedError, InterruptedUpdateError
 */
export async function refuseInterrupted(stack: Stack, refusal?: UpdateLockedError): Promise<void> {
  const interruption = await findInterruption(stack, refusal);
  if (interruption !== undefined) {
    throw new InterruptedUpdateError(stack.name, interruption, [
      "Recover it: that looks at the workers, and clears what is pending only if each is in a known state. Everything that was under way can be run again.",
    ]);
  }
}

/**
 * Clears what an update has left that was cut short: gates of the dead engine are waited for, the
 * workers are looked at, its lock goes, and then the pending operations. No resource is touched
 * and none is refreshed. Without this, a pending creation stays in the state for ever: neither the
 * update that makes the resource nor a refresh takes it out.
 *
 * @returns what was cleared; undefined where there was nothing to do
 * @throws UpdateLockedError where somebody else is at it; InterruptedUpdateError where a worker is
 *   in no known state or something of the dead engine still runs. Then all is as it was.
 */
export async function recoverInterrupted(
  stack: Stack,
  options: RecoverOptions,
  refusal?: UpdateLockedError,
): Promise<Interruption | undefined> {
  const interruption = await findInterruption(stack, refusal);
  if (interruption === undefined) return undefined;
  const { progress = silentProgress } = options;
  progress.note(`Recovering stack ${stack.name}, whose last update was cut short:`);
  progress.note(describeInterruption(interruption).join("\n"));
  if (interruption.cutAttributes !== undefined) {
    await rm(interruption.cutAttributes, { force: true });
    return (await recoverInterrupted(stack, options, refusal)) ?? interruption;
  }
  const objections = await progress.run("look at what was under way", async () => [
    ...(await leftoverGates(options.leftoverSeconds)),
    ...(await lookAtWorkers(interruption.operations, options.look)),
  ]);
  if (objections.length > 0) {
    throw new InterruptedUpdateError(stack.name, interruption, ["Not recovered:", ...objections]);
  }
  try {
    await clear(stack, interruption);
  } catch (error) {
    // A lock that can't be listed shows only now.
    if (refusal === undefined && error instanceof UpdateLockedError && error.onlyLeft) {
      return recoverInterrupted(stack, options, error);
    }
    throw error;
  }
  return interruption;
}

/**
 * Runs something that the engine refuses while somebody else holds the stack.
 *
 * @throws UpdateLockedError then
 */
export async function unlessLocked<T>(stack: Stack, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConcurrentUpdateError)) throw error;
    throw new UpdateLockedError(stack.name, await locksOfRefusal(error), error);
  }
}

/** Gates that still run after a while: they could change a worker after it was looked at. */
async function leftoverGates(seconds = defaultLeftoverSeconds): Promise<string[]> {
  const look = await waitFor<void, LeftoverGate[]>(Deadline.after(seconds), async () => {
    const found = await findLeftoverGates();
    return found.length === 0 ? { done: undefined } : { pending: found };
  });
  if ("done" in look) return [];
  return look.pending.map(
    ({ pid, verb }) =>
      `  gate ${verb} of that update still runs on this host: wait until process ${pid} has ended, or end it (kill ${pid}); then recover again`,
  );
}

async function lookAtWorkers(
  operations: readonly PendingOperation[],
  look: LookAtWorkers,
): Promise<string[]> {
  const workers = [...new Set(operations.flatMap((operation) => operation.workers))].sort();
  if (workers.length === 0) return [];
  try {
    return (await look(workers)).map((finding) => `  ${finding}`);
  } catch (error) {
    // What can't be looked at does not count as well.
    const reason = messageOf(error);
    return [`  ${workers.join(", ")} can't be looked at: ${reason}`];
  }
}

/** Takes away exactly what was looked at, or stops. */
async function clear(stack: Stack, interruption: Interruption): Promise<void> {
  const { locks, operations } = interruption;
  const overtaken = () =>
    new InterruptedUpdateError(stack.name, interruption, [
      "Not recovered: meanwhile somebody else has recovered the stack, or begun to. Run this again.",
    ]);
  // Exported as long as the lock is there: then nobody changes the state.
  const state = await stack.exportStack();
  const pending = pendingIn(state);
  const looked = new Set(operations.map(keyOf));
  if (pending.some((operation) => !looked.has(keyOf(operation)))) throw overtaken();
  for (const { file, ...lock } of locks) {
    if (file !== undefined && !(await releaseEndedLock({ ...lock, file }))) throw overtaken();
  }
  // A lock that only the refusal told of. Its owner has ended: that was made sure of.
  if (locks.some(({ file }) => file === undefined)) await stack.cancel();
  // The engine drops every pending operation from a state that is imported.
  if (pending.length > 0) await unlessLocked(stack, () => stack.importStack(state));
}

function keyOf({ operation, urn }: PendingOperation): string {
  return `${operation} ${urn}`;
}
