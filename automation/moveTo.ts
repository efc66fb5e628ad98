import type { EngineEvent, OpMap, Stack } from "@pulumi/pulumi/automation";

import type { Stage } from "../migration/stages.js";
import { formatElapsed, type Progress, type Step } from "./progress.js";
import {
  describeUrn,
  UpdateFailedError,
  UpdateWatcher,
  type CompletedStep,
} from "./updateWatcher.js";

/** What one update did. */
export interface Move {
  /** Stage moved to; undefined for a destroy. */
  to: Stage | undefined;
  milliseconds: number;
  /** Number of resources by operation, such as `create`, `update`, `delete`, `same`. */
  changes: OpMap;
  /** What was done, in the order in which it was finished. */
  steps: CompletedStep[];
}

/** How many resources the engine works on at the same time. */
const defaultParallel = 10;

export interface MoveOptions {
  progress: Progress;
  parallel?: number;
}

/**
 * Moves a cluster to a stage, forward or back, through a real `pulumi up`.
 *
 * @throws UpdateFailedError with what failed, where, and what had been done before
 */
export async function moveTo(stack: Stack, stage: Stage, options: MoveOptions): Promise<Move> {
  await stack.setConfig("stage", { value: stage });
  return run(stage, options, (onEvent, parallel) =>
    stack.up({ onEvent, parallel, suppressProgress: true }),
  );
}

/** Takes everything away again, the way back included (`pulumi destroy`). */
export async function destroyAll(stack: Stack, options: MoveOptions): Promise<Move> {
  return run(undefined, options, (onEvent, parallel) =>
    stack.destroy({ onEvent, parallel, suppressProgress: true }),
  );
}

/** Number of resources that an update would change now; 0 when the cluster is as declared. */
export async function pendingChanges(
  stack: Stack,
): Promise<{ count: number; resources: string[] }> {
  const resources: string[] = [];
  const preview = await stack.preview({
    suppressProgress: true,
    onEvent: ({ resourcePreEvent: event }) => {
      if (event !== undefined && event.metadata.op !== "same") {
        resources.push(`${event.metadata.op} ${describeUrn(event.metadata.urn)}`);
      }
    },
  });
  const count = Object.entries(preview.changeSummary)
    .filter(([operation]) => operation !== "same")
    .reduce((sum, [, resourcesOfIt]) => sum + (resourcesOfIt ?? 0), 0);
  return { count, resources };
}

async function run(
  to: Stage | undefined,
  { progress, parallel = defaultParallel }: MoveOptions,
  update: (onEvent: (event: EngineEvent) => void, parallel: number) => Promise<unknown>,
): Promise<Move> {
  const open = new Map<string, Step>();
  const watcher = new UpdateWatcher({
    started: (urn, what) => open.set(urn, progress.step(what)),
    finished: (urn) => open.get(urn)?.done(),
    failed: (urn) => open.get(urn)?.fail(),
  });
  const began = Date.now();
  try {
    await update((event) => watcher.see(event), parallel);
  } catch (error) {
    for (const step of open.values()) step.fail();
    throw new UpdateFailedError(watcher, error);
  }
  const milliseconds = Date.now() - began;
  progress.note(
    `${to === undefined ? "destroyed" : `at stage ${to}`} after ${formatElapsed(milliseconds)}`,
  );
  return { to, milliseconds, changes: watcher.changes, steps: watcher.steps };
}
