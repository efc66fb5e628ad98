import { messageOf } from "../migration/text/text.js";
import type { StateResource } from "../migration/status/stackState.js";
import {
  describeInterruption,
  lookAtLastUpdate,
  type Interruption,
} from "./recover/interruptedUpdate.js";
import { UpdateLockedError } from "./recover/updateLock.js";
import { exportState, readableStack } from "./stack/readableStack.js";
import { stateResources } from "./stack/stateResources.js";

/**
 * Whether an update is under way. `running`: one is, or may be. `cut-short`: one was cut short, and
 * has to be recovered from before the next.
 */
export type UpdateStanding =
  | { at: "rest" }
  | { at: "running"; said: string; byService: boolean }
  | { at: "cut-short"; said: string };

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
 * @throws Error where there is no such stack
 */
export async function readStanding(stackName: string, workDir: string): Promise<StackStanding> {
  const stack = await readableStack(stackName, workDir);
  try {
    const { left, state } = await lookAtLastUpdate(stack);
    return { update: updateThatLeft(left), resources: state && stateResources(state) };
  } catch (error) {
    if (!(error instanceof UpdateLockedError)) throw error;
    return {
      update: { at: "running", said: messageOf(error), byService: error.byService },
      resources: stateResources(await exportState(stack)),
    };
  }
}

function updateThatLeft(left: Interruption | undefined): UpdateStanding {
  return left === undefined
    ? { at: "rest" }
    : { at: "cut-short", said: describeInterruption(left).join("\n") };
}
