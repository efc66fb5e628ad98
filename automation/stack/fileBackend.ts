import { homedir } from "node:os";
import { join, resolve } from "node:path";

import type { Stack } from "@pulumi/pulumi/automation";

/** Where a backend that is a directory (`file://…`) keeps what belongs to a stack. */
export interface FileBackend {
  /** Directory of the locks on the stack; not there before the first one. */
  locks: string;
  /** The stack's state, without the ending of a compressed one. */
  state: string;
}

const known = new WeakMap<Stack, Promise<FileBackend | undefined>>();

/** Undefined for a stack of any other backend. Asked for once: an open stack stays where it is. */
export function fileBackend(stack: Stack): Promise<FileBackend | undefined> {
  const backend = known.get(stack) ?? findBackend(stack);
  known.set(stack, backend);
  backend.catch(() => known.delete(stack));
  return backend;
}

async function findBackend(stack: Stack): Promise<FileBackend | undefined> {
  const [{ url }, { name: project }] = await Promise.all([
    stack.workspace.whoAmI(),
    stack.workspace.projectSettings(),
  ]);
  if (!url?.startsWith("file://")) return undefined;
  const path = decodeURI(url.slice("file://".length).replace(/\?.*$/, ""));
  const root = path.startsWith("~")
    ? join(homedir(), path.slice(1))
    : resolve(stack.workspace.workDir, path);
  const stackName = stack.name.slice(stack.name.lastIndexOf("/") + 1);
  return {
    locks: join(root, ".pulumi", "locks", "organization", project, stackName),
    state: join(root, ".pulumi", "stacks", project, `${stackName}.json`),
  };
}
