import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { ReadableStack } from "./readableStack.js";

/** Where a backend that is a directory (`file://…`) keeps what belongs to a stack. */
export interface FileBackend {
  /** Directory of the locks on the stack; not there before the first one. */
  locks: string;
  /** The stack's state, without the ending of a compressed one. */
  state: string;
}

interface Backend {
  /** Undefined for a stack of any other backend. */
  file: FileBackend | undefined;
  /** Pulumi Cloud, or one's own: a service that admits one update at a time, and keeps no locks. */
  isService: boolean;
}

const known = new WeakMap<ReadableStack, Promise<Backend>>();

/** Undefined for a stack of any other backend. */
export async function fileBackend(stack: ReadableStack): Promise<FileBackend | undefined> {
  return (await backendOf(stack)).file;
}

/** Where a stack is kept. Asked for once: an open stack stays where it is. */
export function backendOf(stack: ReadableStack): Promise<Backend> {
  const backend = known.get(stack) ?? findBackend(stack);
  known.set(stack, backend);
  backend.catch(() => known.delete(stack));
  return backend;
}

async function findBackend(stack: ReadableStack): Promise<Backend> {
  const [{ url }, { name: project }] = await Promise.all([
    stack.workspace.whoAmI(),
    stack.workspace.projectSettings(),
  ]);
  if (!url?.startsWith("file://")) {
    return { file: undefined, isService: !/^(s3|gs|azblob|postgres):\/\//.test(url ?? "") };
  }
  const path = decodeURI(url.slice("file://".length).replace(/\?.*$/, ""));
  const root = path.startsWith("~")
    ? join(homedir(), path.slice(1))
    : resolve(stack.workspace.workDir, path);
  const stackName = stack.name.slice(stack.name.lastIndexOf("/") + 1);
  const file = {
    locks: join(root, ".pulumi", "locks", "organization", project, stackName),
    state: join(root, ".pulumi", "stacks", project, `${stackName}.json`),
  };
  return { file, isService: false };
}

/** Milliseconds after which a file that is being written is whole. */
const writingTakes = 1000;

/**
 * The file with the attributes of a stack's state, where an engine that was killed has left it
 * without its content. The state itself is replaced as a whole, but beside it a `file://` backend
 * creates this file first and fills it then (setAttrs in gocloud.dev/blob/fileblob). As long as it
 * is there and empty, the state cannot be read ("failed to load checkpoint: EOF"). Without it, the
 * state can: nothing in it is needed.
 *
 * @returns undefined where there is none
 */
export async function cutAttributes({ state }: FileBackend): Promise<string | undefined> {
  // As the state itself may be compressed.
  const files = ["", ".gz", ".zst"].map((ending) => `${state}${ending}.attrs`);
  for (const file of files) {
    if (!(await isCut(file))) continue;
    await sleep(writingTakes);
    if (await isCut(file)) return file;
  }
  return undefined;
}

async function isCut(file: string): Promise<boolean> {
  const text = await ifThere(readFile(file, "utf8"));
  if (text === undefined) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

/** What reading a file gives; undefined where it is not there (any more). */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
