import type { Stack } from "@pulumi/pulumi/automation";

import type { Stage } from "../migration/stages.js";
import type { MoveFailure, StageMove } from "../migration/move/outcome.js";
import { messageOf } from "../migration/text/text.js";
import type { OnMoveEvent } from "./events.js";
import { destroyAll, moveTo, type MoveOptions } from "./moveTo.js";
import { InterruptedUpdateError } from "./recover/interruptedUpdate.js";
import { UpdateLockedError } from "./recover/updateLock.js";
import { backendOf } from "./stack/fileBackend.js";
import { UpdateFailedError } from "./update/watchedUpdate.js";

/** Where to: through these stages, in order; and then, with `all`, everything is taken away. */
export interface Route {
  stages: readonly Stage[];
  all: boolean;
}

/**
 * Moves a cluster through stages, each by an update of its own, so that each stage's gates have
 * passed before the next one begins. Stops at the first failure.
 *
 * @returns the updates that succeeded; `cause`: the error that the failure was made of
 */
export async function moveThrough(
  stack: Stack,
  { stages, all }: Route,
  { onEvent = () => {}, ...options }: MoveOptions & { onEvent?: OnMoveEvent },
): Promise<{ moves: StageMove[]; failure: MoveFailure | undefined; cause?: unknown }> {
  const moves: StageMove[] = [];
  const legs: (Stage | "nothing")[] = [...stages, ...(all ? (["nothing"] as const) : [])];
  for (const [index, at] of legs.entries()) {
    const what = at === "nothing" ? "taking everything away" : `stage ${at}`;
    if (options.stop?.asked === true || options.signal?.aborted === true) {
      const message = `Stopped, as asked, before ${what}: nothing of that was begun.`;
      return { moves, failure: { at, kind: "stopped", message } };
    }
    options.progress.note(`── ${what} (${index + 1} of ${legs.length}) ──`);
    onEvent({ type: "stage-begun", at, number: index + 1, of: legs.length });
    try {
      const { milliseconds, steps } = await (at === "nothing"
        ? destroyAll(stack, options)
        : moveTo(stack, at, options));
      const move: StageMove = {
        at,
        milliseconds,
        steps: steps.map(({ operation, what: of }) => `${operation} ${of}`),
      };
      moves.push(move);
      onEvent({ type: "stage-done", ...move });
    } catch (error) {
      const kind = kindOf(error, options.signal);
      const byService = await isOfService(error, stack);
      return { moves, failure: { at, kind, message: messageOf(error), byService }, cause: error };
    }
  }
  return { moves, failure: undefined };
}

/** Whether the service counts that update as in progress: another one, or this one whose engine is gone. */
async function isOfService(error: unknown, stack: Stack): Promise<boolean> {
  if (error instanceof UpdateLockedError) return error.byService;
  return error instanceof UpdateFailedError && error.cutShort && (await backendOf(stack)).isService;
}

function kindOf(error: unknown, signal: AbortSignal | undefined): MoveFailure["kind"] {
  if (error instanceof InterruptedUpdateError) return "cut-short";
  if (error instanceof UpdateLockedError) return "locked";
  const { cutShort = false, stopped = false } = error instanceof UpdateFailedError ? error : {};
  if (cutShort) return "cut-short";
  return stopped || signal?.aborted === true ? "stopped" : "failed";
}
