import type { Stack } from "@pulumi/pulumi/automation";

import { silentProgress } from "../progress.js";
import { fileBackend } from "../stack/fileBackend.js";
import type { WatchOptions } from "../update/watchedUpdate.js";
import {
  describeInterruption,
  findInterruption,
  recoverInterrupted,
  type Interruption,
  type LookAtWorkers,
} from "./interruptedUpdate.js";
import { takeOver } from "./takeOver.js";
import { unlessLocked, UpdateLockedError } from "./updateLock.js";

/** What an update has left that was cut short, and how that came to be known. */
export interface Left {
  interruption: Interruption;
  /** The engine's answer, where it was the first to tell of a lock. */
  refusal: UpdateLockedError | undefined;
}

/**
 * What an update has left that was cut short; undefined where nothing stands in the way of a new one.
 * Where locks can't be listed, the engine is asked for one by importing the state as it is.
 *
 * @throws UpdateLockedError while another update runs, or may run
 */
export async function findLeft(stack: Stack): Promise<Left | undefined> {
  const interruption = await findInterruption(stack);
  if (interruption !== undefined) return { interruption, refusal: undefined };
  if ((await fileBackend(stack)) !== undefined) return undefined;
  const state = await stack.exportStack();
  if (!state.deployment) return undefined;
  try {
    await unlessLocked(stack, () => stack.importStack(state));
    return undefined;
  } catch (error) {
    if (!(error instanceof UpdateLockedError && error.onlyLeft)) throw error;
    const left = await findInterruption(stack, error);
    return left && { interruption: left, refusal: error };
  }
}

/** What was left, and what becomes of it; a line or two for each. */
export function describeLeft({ interruption }: Left): string[] {
  return describeInterruption(interruption);
}

/** Workers that may be half-way, by name. */
export function workersOf({ interruption: { operations } }: Pick<Left, "interruption">): string[] {
  return [...new Set(operations.flatMap(({ workers }) => workers))].sort();
}

/**
 * Clears what was left, and takes over what was being made, so that any move can begin.
 *
 * @returns what was cleared
 * @throws as recoverInterrupted; UpdateFailedError where something cannot be taken over
 */
export async function clearLeft(
  stack: Stack,
  { interruption, refusal }: Left,
  { look, ...options }: WatchOptions & { look: LookAtWorkers },
): Promise<Interruption> {
  // What is left was shown before it was decided to clear it.
  const progress = { ...options.progress, note: silentProgress.note };
  const cleared = (await recoverInterrupted(stack, { look, progress }, refusal)) ?? interruption;
  await unlessLocked(stack, () => takeOver(stack, cleared.operations, options));
  return cleared;
}
