import { messageOf } from "../migration/text/text.js";
import type { StateResource } from "../migration/status/stackState.js";
import { describeInterruption, findInterruption } from "./recover/interruptedUpdate.js";
import { UpdateLockedError } from "./recover/updateLock.js";
import { readableStack, type ReadableStack } from "./stack/readableStack.js";
import { stateResources } from "./stack/stateResources.js";

/**
 * Whether an update is under way. `running`: one is, or may be. `cut-short`: one was cut short, and
 * has to be recovered from before the next.
 */
export type UpdateStanding =
  { at: "rest" } | { at: "running"; said: string } | { at: "cut-short"; said: string };

/** What a stack says of itself. */
export interface StackStanding {
  update: UpdateStanding;
  /** Undefined where the state cannot be read; {@link update} then says why. */
  resources: StateResource[] | undefined;
}

/**
 * What a stack says of itself. Changes nothing.
 *
 * @param workDir directory of Pulumi.yaml
 * @throws Error where there is no such stack, or the engine cannot decrypt its secrets
 */
export async function readStanding(stackName: string, workDir: string): Promise<StackStanding> {
  const stack = await readableStack(stackName, workDir);
  const { update, readable } = await lookAtUpdate(stack);
  return {
    update,
    resources: readable ? stateResources(await stack.exportStack()) : undefined,
  };
}

async function lookAtUpdate(
  stack: ReadableStack,
): Promise<{ update: UpdateStanding; readable: boolean }> {
  try {
    const left = await findInterruption(stack);
    if (left === undefined) return { update: { at: "rest" }, readable: true };
    return {
      update: { at: "cut-short", said: describeInterruption(left).join("\n") },
      readable: left.cutAttributes === undefined,
    };
  } catch (error) {
    if (!(error instanceof UpdateLockedError)) throw error;
    return { update: { at: "running", said: messageOf(error) }, readable: true };
  }
}
