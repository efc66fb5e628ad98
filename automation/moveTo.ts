import { ConcurrentUpdateError, type EngineEvent, type Stack } from "@pulumi/pulumi/automation";

import type { Stage } from "../migration/stages.js";
import { formatElapsed } from "./progress.js";
import {
  recoverInterrupted,
  refuseInterrupted,
  type RecoverOptions,
} from "./recover/interruptedUpdate.js";
import { takeOver } from "./recover/takeOver.js";
import { unlessLocked, UpdateLockedError } from "./recover/updateLock.js";
import { stopFileVariable } from "../migration/move/orderlyStop.js";
import { writeStage } from "./stack/stackFile.js";
import { describeUrn } from "./stack/urn.js";
import { inOwnSession } from "./update/ownSession.js";
import {
  UpdateFailedError,
  watchedUpdate,
  type CompletedStep,
  type UpdateControl,
  type WatchOptions,
} from "./update/watchedUpdate.js";
import { withWholeProgram } from "./update/wholeProgram.js";

/** What one update did. */
export interface Move {
  milliseconds: number;
  /** What was done, in the order in which it was finished. */
  steps: CompletedStep[];
}

export interface MoveOptions extends WatchOptions {
  /** How to recover a stack whose last update was cut short. Unset: such a stack is refused. */
  recover?: Pick<RecoverOptions, "look" | "leftoverSeconds">;
}

/**
 * Moves a cluster to a stage, forward or back, through a real `pulumi up`.
 *
 * @throws UpdateFailedError with what failed, where, and what had been done before
 * @throws UpdateLockedError while another update runs, or may run; nothing was touched
 * @throws InterruptedUpdateError where the last update was cut short; nothing was touched
 */
export async function moveTo(stack: Stack, stage: Stage, options: MoveOptions): Promise<Move> {
  return exclusively(stack, options, () =>
    withStage(stack, stage, () =>
      run(`at stage ${stage}`, options, (control) =>
        withWholeProgram(stack, (program) => forUpdate(stack, options).up({ ...control, program })),
      ),
    ),
  );
}

/** Takes everything away again (`pulumi destroy`), all the way back. Throws as moveTo does. */
export async function destroyAll(stack: Stack, options: MoveOptions): Promise<Move> {
  return exclusively(stack, options, () =>
    run("destroyed", options, (control) => forUpdate(stack, options).destroy(control)),
  );
}

/** The resources that an update would change now; none when the cluster is as declared. */
export async function pendingChanges(
  stack: Stack,
): Promise<{ count: number; resources: string[] }> {
  const resources: string[] = [];
  const onEvent = ({ resourcePreEvent: event }: EngineEvent) => {
    if (event !== undefined && event.metadata.op !== "same") {
      resources.push(`${event.metadata.op} ${describeUrn(event.metadata.urn)}`);
    }
  };
  const preview = await withWholeProgram(stack, (program) =>
    stack.preview({ suppressProgress: true, onEvent, program }),
  );
  const count = Object.entries(preview.changeSummary)
    .filter(([operation]) => operation !== "same")
    .reduce((sum, [, resourcesOfIt]) => sum + (resourcesOfIt ?? 0), 0);
  return { count, resources };
}

/** Runs an update, unless another one is under way or has been cut short. */
async function exclusively<T>(
  stack: Stack,
  options: MoveOptions,
  update: () => Promise<T>,
): Promise<T> {
  const begin = async (asking = false): Promise<T> => {
    if (options.recover === undefined) {
      await refuseInterrupted(stack, asking);
      return unlessLocked(stack, update);
    }
    const { progress, recover } = options;
    const left = await recoverInterrupted(stack, { ...recover, progress }, asking);
    return unlessLocked(stack, async () => {
      await takeOver(stack, left?.operations ?? [], options);
      return update();
    });
  };
  try {
    return await begin();
  } catch (error) {
    // Where locks can't be listed, the refusal is the first to tell of a dead engine's lock.
    if (error instanceof UpdateLockedError && error.onlyLeft) return begin(true);
    throw error;
  }
}

/** Sets the stage for an update, and the former one again where nothing of that was begun. */
async function withStage<T>(stack: Stack, stage: Stage, update: () => Promise<T>): Promise<T> {
  const putBack = await writeStage(stack.workspace.workDir, stack.name, stage);
  try {
    return await update();
  } catch (error) {
    const begun = !(error instanceof UpdateFailedError) || error.begun;
    if (error instanceof ConcurrentUpdateError || !begun) await putBack();
    throw error;
  }
}

/**
 * A stack that gives no outputs and no summary of an update. The SDK would run Pulumi's command
 * line three more times for them, half a second each. Where the update can be stopped in order, signals
 * reach this process alone, and gates know where to look.
 */
function forUpdate(stack: Stack, { stop }: MoveOptions): Stack {
  const { workspace } = stack;
  const stoppable = (file: string) => ({
    envVars: { value: { ...workspace.envVars, [stopFileVariable]: file } },
    pulumiCommand: { value: inOwnSession(workspace.pulumiCommand) },
  });
  return Object.create(stack, {
    outputs: { value: () => Promise.resolve({}) },
    info: { value: () => Promise.resolve(undefined) },
    ...(stop && {
      workspace: { value: Object.create(workspace, stoppable(stop.file)) as unknown },
    }),
  }) as Stack;
}

/** @param outcome what is so once the update has succeeded */
async function run(
  outcome: string,
  options: MoveOptions,
  update: (control: UpdateControl) => Promise<unknown>,
): Promise<Move> {
  const began = Date.now();
  const steps = await watchedUpdate(options, update);
  const milliseconds = Date.now() - began;
  options.progress.note(`${outcome} after ${formatElapsed(milliseconds)}`);
  return { milliseconds, steps };
}
