import type { Deployment, Stack } from "@pulumi/pulumi/automation";

import type { CutOffDeletion } from "../../migration/move/afterDeletion.js";
import { stageOfState, type StackStage } from "../../migration/status/stackState.js";
import { messageOf } from "../../migration/text/text.js";
import { backendOf } from "../stack/fileBackend.js";
import { exportState } from "../stack/readableStack.js";
import { replacedResources, stateResources } from "../stack/stateResources.js";
import { describeUrn, partsOfUrn } from "../stack/urn.js";
import { UpdateFailedError, type WatchOptions } from "../update/watchedUpdate.js";
import {
  describeInterruption,
  findInterruption,
  InterruptedUpdateError,
  recoverInterrupted,
  type Interruption,
  type LookAtWorkers,
} from "./interruptedUpdate.js";
import { takeOver } from "./takeOver.js";
import { unlessLocked, UpdateLockedError } from "./updateLock.js";

export { describeInterruption };

/** What stands in the way of a new update: nothing, another one, or what one has left. */
export type Found =
  | { is: "nothing" }
  | { is: "locked"; message: string; byService: boolean }
  | { is: "left"; interruption: Interruption };

/**
 * What stands in the way of a new update. Where locks can't be listed, the engine is asked for them.
 */
export async function findLeft(stack: Stack): Promise<Found> {
  try {
    const { file } = await backendOf(stack);
    const interruption = await findInterruption(stack, file === undefined);
    if (interruption !== undefined) return { is: "left", interruption };
    return { is: "nothing" };
  } catch (error) {
    if (!(error instanceof UpdateLockedError)) throw error;
    return { is: "locked", message: error.message, byService: error.byService };
  }
}

/** Workers that may be half-way, by name. */
export function workersOf({ operations }: Pick<Interruption, "operations">): string[] {
  return [...new Set(operations.flatMap(({ workers }) => workers))].sort();
}

/**
 * What came of clearing it. `refused`: a worker is in no known state, or a gate still runs; nothing was
 * changed. `locked`: another update runs by now. `failed`: it is cleared, but what was being made could
 * not be taken over.
 */
export type Clearing =
  | ({ outcome: "recovered"; workers: string[] } & Cleared)
  | ({ outcome: "failed"; message: string } & Cleared)
  | { outcome: "refused"; message: string }
  | { outcome: "locked"; message: string; byService: boolean };

/** What tells the way on. */
interface Cleared {
  /** Deletions that were cut off. */
  deletions: CutOffDeletion[];
  /** Of the state. */
  stage: StackStage;
}

/** Clears what was left, and takes over what was being made, so that any move can begin. */
export async function clearLeft(
  stack: Stack,
  interruption: Interruption,
  { look, ...options }: WatchOptions & { look: LookAtWorkers },
): Promise<Clearing> {
  // What is left was shown before it was decided to clear it.
  const progress = { ...options.progress, note: () => {} };
  try {
    const asking = (await backendOf(stack)).file === undefined;
    // Looks again: what was shown may be long ago.
    const cleared = (await recoverInterrupted(stack, { look, progress }, asking)) ?? interruption;
    const failure = await failureToTakeOver(stack, cleared.operations, options);
    const state = await exportState(stack);
    const seen = {
      deletions: deletionsOf(cleared.operations, state),
      stage: stageOfState(stateResources(state)),
    };
    return failure === undefined
      ? { outcome: "recovered", workers: workersOf(cleared), ...seen }
      : { outcome: "failed", message: failure, ...seen };
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof InterruptedUpdateError) return { outcome: "refused", message };
    if (error instanceof UpdateLockedError) {
      return { outcome: "locked", message, byService: error.byService };
    }
    throw error;
  }
}

async function failureToTakeOver(
  stack: Stack,
  operations: Interruption["operations"],
  options: WatchOptions,
): Promise<string | undefined> {
  try {
    await unlessLocked(stack, () => takeOver(stack, operations, options));
    return undefined;
  } catch (error) {
    if (error instanceof UpdateFailedError) return error.message;
    throw error;
  }
}

/** @param state in which what was being deleted still is */
function deletionsOf(operations: Interruption["operations"], state: Deployment): CutOffDeletion[] {
  const replaced = replacedResources(state);
  return operations
    .filter(({ operation }) => operation === "deleting")
    .map(({ urn }) => {
      const { type, name } = partsOfUrn(urn);
      return { type, name, what: describeUrn(urn), replaced: replaced.has(urn) };
    });
}
