import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import type { EngineEvent, Stack } from "@pulumi/pulumi/automation";

import type { Stage } from "../../migration/stages.js";

export interface KillAt {
  /** The engine's word for it: `create`, `update`, `delete`. */
  operation: string;
  /** Name of the resource, such as `worker-1-cutover-removal`. */
  name: string;
  /** Milliseconds between the beginning of the operation and the kill; default 0. */
  delayMs?: number;
  /**
   * Is waited for before the kill. An engine tells of an operation before the state has it, by
   * seconds where its backend is slow.
   */
  once?: () => Promise<unknown>;
}

/**
 * Updates a stack and kills its engine (SIGKILL) when the operation on that resource begins.
 * Plugins and gates are left to themselves: they have to cope.
 *
 * @returns once the update has ended; `killed` is false, and `pid` 0, where it ended before the
 *   operation began
 * @throws what the update throws that was not killed
 */
export async function upUntilKilled(
  stack: Stack,
  stage: Stage,
  at: KillAt,
): Promise<{ killed: boolean; pid: number }> {
  let killing: Promise<number> | undefined;
  const onEvent = ({ resourcePreEvent }: EngineEvent): void => {
    const metadata = resourcePreEvent?.metadata;
    if (metadata?.op === at.operation && metadata.urn.endsWith(`::${at.name}`)) {
      killing ??= killEngine(stack, at);
    }
  };
  await stack.setConfig("stage", { value: stage });
  const failure = await stack.up({ onEvent, suppressProgress: true }).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (killing === undefined) {
    if (failure !== undefined) throw failure.error;
    return { killed: false, pid: 0 };
  }
  const pid = await killing;
  if (failure === undefined) throw new Error(`engine ${pid} was killed, yet its update succeeded`);
  return { killed: true, pid };
}

async function killEngine(stack: Stack, { delayMs = 0, once }: KillAt): Promise<number> {
  await sleep(delayMs);
  await once?.();
  const pid = engineOf(stack);
  process.kill(pid, "SIGKILL");
  return pid;
}

/**
 * The engine that this process has started for an update of that stack, directly or through a
 * launcher.
 *
 * @throws where there is none, or more than one
 */
export function engineOf(stack: Stack): number {
  const processes = new Map(
    readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .flatMap((entry) => {
        try {
          const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
          const [, name = "", parent = ""] = /\((.*)\) \S (\d+) /s.exec(stat) ?? [];
          const words = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
          return [[Number(entry), { name, parent: Number(parent), words }] as const];
        } catch {
          return []; // It has ended in the meantime.
        }
      }),
  );
  const isOurs = (pid: number): boolean => {
    const parent = processes.get(pid)?.parent;
    return parent !== undefined && (parent === process.pid || isOurs(parent));
  };
  const engines = [...processes].filter(
    ([pid, { name, words }]) =>
      name === "pulumi" && words[words.indexOf("--stack") + 1] === stack.name && isOurs(pid),
  );
  const [engine, ...others] = engines.map(([pid]) => pid);
  if (engine === undefined || others.length > 0) {
    throw new Error(
      `${engines.length} engines of this process are at stack ${stack.name}, instead of one`,
    );
  }
  return engine;
}
