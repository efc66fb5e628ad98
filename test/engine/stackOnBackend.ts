import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";

import type { Stack } from "@pulumi/pulumi/automation";
import pWaitFor from "p-wait-for";

import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { CommandOnStack } from "./commandOnStack.js";
import { patience } from "./limit.js";

/** A stack whose state is in a backend of the test's own, and kiam-migrate in this process on it. */
export interface StackOnBackend {
  /** Where its Pulumi.yaml is. */
  directory: string;
  /** Gates that it runs last a minute, so that its engine can be killed at one. */
  stack: Stack;
  command: CommandOnStack;
  /** Also puts this process's environment back. */
  dispose: () => Promise<void>;
}

/**
 * Skips the suite, saying why, where something for it is not here.
 *
 * @param environment what the backend takes besides
 */
export async function stackOnBackend(
  context: Mocha.Context,
  backend: string,
  environment: Record<string, string> = {},
): Promise<StackOnBackend> {
  const restore = keepEnvironment();
  let cluster: ClusterOfApis | undefined;
  const dispose = async () => {
    await cluster?.dispose();
    restore();
  };
  try {
    Object.assign(process.env, environment);
    cluster = await startClusterOfApis(context, backend);
    const { directory } = cluster;
    const XDG_CACHE_HOME = path.join(directory, "cache");
    Object.assign(process.env, cluster.environment, { XDG_CACHE_HOME });
    const stack = await cluster.open();
    const slowly = path.join(directory, "slowly.cjs");
    await writeFile(slowly, gatesSlowly);
    stack.workspace.envVars.NODE_OPTIONS = `--require ${slowly}`;
    return { directory, stack, command: new CommandOnStack(directory), dispose };
  } catch (error) {
    // Also where it is skipped: who asked for it has nothing to dispose of then.
    await dispose();
    throw error;
  }
}

/**
 * Waits until that gate is under way and nothing else: what began beside it is over by then.
 *
 * @param underWay of the state, as it is now
 */
export async function untilOnlyGate(
  gate: string,
  underWay: () => string[] | Promise<string[]>,
): Promise<void> {
  const only = async () => isDeepStrictEqual(await underWay(), [`gate ${gate}`]);
  await pWaitFor(only, { timeout: patience, interval: 200 });
}

/** That the state cannot be read, and why: once, with what to do, and without a stack trace. */
export async function saysWhyUnreadable(command: CommandOnStack, code: string): Promise<void> {
  const { exitCode, stdout, stderr } = await command.run("status");
  assert.deepEqual([exitCode, stdout], [3, ""]);
  assert.equal(stderr.split(`[${code}]`).length, 2, `[${code}] once in:\n${stderr}`);
  assert.match(stderr, /^ {2}what to do: /m);
  assert.doesNotMatch(stderr, /^ +at .*[:(]\d+/m, "no stack trace");
}

/** @returns what puts this process's environment back as it is now */
function keepEnvironment(): () => void {
  const before = { ...process.env };
  return () => {
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, before);
  };
}

/** For NODE_OPTIONS: holds every gate up for a minute, so that an engine can be met at one. */
const gatesSlowly = `if (process.argv.some((word) => word.endsWith("gates/main.ts")))
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);`;
