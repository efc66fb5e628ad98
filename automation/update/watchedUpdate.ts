import { ConcurrentUpdateError, type EngineEvent } from "@pulumi/pulumi/automation";

import type { Progress, Step } from "../progress.js";
import { stopEngineOnce } from "./stopEngine.js";
import { UpdateFailedError, UpdateWatcher } from "./updateWatcher.js";

export interface WatchOptions {
  progress: Progress;
  /** How many resources the engine works on at the same time; default 10. */
  parallel?: number;
  /**
   * Aborted to stop: the engine ends what is under way, writes its state and lets go of the stack.
   * The process has to live on until then; see stopOnSignals.ts.
   */
  signal?: AbortSignal;
}

/** What to give to `up` or `destroy`. */
export interface UpdateControl {
  onEvent: (event: EngineEvent) => void;
  parallel: number;
  signal?: AbortSignal;
  suppressProgress: true;
}

/**
 * Runs an update and shows what it is at.
 *
 * @throws UpdateFailedError; ConcurrentUpdateError where the engine refused because of a lock
 */
export async function watchedUpdate(
  { progress, parallel = 10, signal }: WatchOptions,
  update: (control: UpdateControl) => Promise<unknown>,
): Promise<UpdateWatcher> {
  const open = new Map<string, Step>();
  const watcher = new UpdateWatcher({
    started: (urn, what) => open.set(urn, progress.step(what)),
    finished: (urn) => open.get(urn)?.done(),
    failed: (urn) => open.get(urn)?.fail(),
  });
  const stopper = stopEngineOnce(signal, () => watcher.stopping);
  try {
    const onEvent = (event: EngineEvent) => watcher.see(event);
    await update({ onEvent, parallel, signal: stopper.signal, suppressProgress: true });
  } catch (error) {
    for (const step of open.values()) step.fail();
    if (error instanceof ConcurrentUpdateError) throw error;
    throw new UpdateFailedError(watcher, error);
  } finally {
    stopper.dispose();
  }
  return watcher;
}
