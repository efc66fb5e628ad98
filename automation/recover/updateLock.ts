import { readdir, readFile, rm, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { ConcurrentUpdateError } from "@pulumi/pulumi/automation";
import { z } from "zod";

import { messageOf } from "../../migration/text/text.js";
import { formatElapsed } from "../progress.js";
import { backendOf, fileBackend, ifThere, type FileBackend } from "../stack/fileBackend.js";
import type { ReadableStack } from "../stack/readableStack.js";
import { stateOfOwner, type OwnerState } from "./lockOwner.js";
import { describeServiceUpdate, updateInProgress, type ServiceUpdate } from "./serviceUpdate.js";

/** The lock that an engine holds on a stack during an update. */
export interface UpdateLock {
  user: string;
  host: string;
  /** The engine's process on that host. */
  pid: number;
  since: Date;
  owner: OwnerState;
  /** Where the lock lies, if the backend is a directory (`file://…`). */
  file?: string;
}

const lockSchema = z.object({
  pid: z.number().int(),
  username: z.string(),
  hostname: z.string(),
  timestamp: z.coerce.date(),
});

/**
 * The locks on a stack. Only those of a `file://` backend can be listed: elsewhere the engine is asked
 * (askForLocks.ts).
 */
export async function readLocks(backend: FileBackend): Promise<UpdateLock[]> {
  // An update may end, and its lock go, while we look.
  const names = await ifThere(readdir(backend.locks));
  const locks = (names ?? [])
    .filter((name) => name.endsWith(".json"))
    .map((name) => readLock(join(backend.locks, name)));
  return (await Promise.all(locks)).filter((lock) => lock !== undefined);
}

/**
 * The locks that made the engine refuse an update; empty where the backend does not name them.
 *
 * @param refusal a ConcurrentUpdateError, whose message is the engine's
 */
export async function locksOfRefusal(refusal: Error): Promise<UpdateLock[]> {
  const form = /: created by (.+)@(\S+) \(pid (\d+)\) at (\S+)$/gm;
  const locks = new Map<string, Omit<UpdateLock, "owner">>();
  for (const [, user = "", host = "", pid = "", since = ""] of refusal.message.matchAll(form)) {
    // The message repeats itself.
    locks.set(`${host} ${pid}`, { user, host, pid: Number(pid), since: new Date(since) });
  }
  return Promise.all([...locks.values()].map(withOwner));
}

/**
 * Removes a lock whose owner has ended.
 *
 * @returns false when it was gone already: the same stack is being recovered from elsewhere
 */
export async function releaseEndedLock(lock: UpdateLock & { file: string }): Promise<boolean> {
  // By its name: `pulumi cancel` removes every lock there is, also one taken since we looked.
  const released = (await ifThere(unlink(lock.file).then(() => true))) ?? false;
  await rm(`${lock.file}.attrs`, { force: true });
  return released;
}

/** What holds a stack; nothing where the backend does not say. */
interface Holder {
  locks?: readonly UpdateLock[];
  inProgress?: ServiceUpdate;
  cause?: unknown;
}

/** Another update runs on the stack, or may run. */
export class UpdateLockedError extends Error {
  /** Empty where the backend does not say which process holds it. */
  readonly locks: readonly UpdateLock[];
  /** Whether a service such as Pulumi Cloud has it in progress: then `pulumi cancel` ends it. */
  readonly byService: boolean;

  constructor(stackName: string, { locks = [], inProgress, cause }: Holder) {
    const owners =
      inProgress !== undefined
        ? [describeServiceUpdate(stackName, inProgress)]
        : locks.length === 0
          ? [noOwnerNamed]
          : locks.map(describeLock);
    super(
      `Stack ${stackName} is being changed by another update. Nothing was touched.\n${owners.join("\n")}`,
      { cause },
    );
    this.name = "UpdateLockedError";
    this.locks = locks;
    this.byService = inProgress !== undefined;
  }

  /** Whether every owner has ended: then no update runs, and the locks were only left behind. */
  get onlyLeft(): boolean {
    return this.locks.length > 0 && this.locks.every(({ owner }) => owner === "ended");
  }
}

const noOwnerNamed =
  "  The backend does not say whose. Look at the stack's updates there, and wait for the one that is running.";

/**
 * Runs something that the engine refuses during another update.
 *
 * @throws UpdateLockedError then
 */
export async function unlessLocked<T>(stack: ReadableStack, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const holder = await holderBehind(stack, error);
    if (holder === undefined) throw error;
    throw new UpdateLockedError(stack.name, { ...holder, cause: error });
  }
}

/** Undefined where it was no other update that made it fail. */
async function holderBehind(stack: ReadableStack, error: unknown): Promise<Holder | undefined> {
  if (error instanceof ConcurrentUpdateError) {
    if ((await backendOf(stack)).isService) return { inProgress: await updateInProgress(stack) };
    return { locks: await locksOfRefusal(error) };
  }
  // Another engine was writing beside the state when this one read it (cutAttributes in fileBackend.ts).
  if (!messageOf(error).includes("failed to load checkpoint: EOF")) return undefined;
  const backend = await fileBackend(stack);
  const locks = backend === undefined ? [] : await readLocks(backend);
  return locks.length > 0 ? { locks } : undefined;
}

/** Who holds a lock since when, and what to do about it; two lines. */
export function describeLock(lock: UpdateLock): string {
  const { user, host, pid, since } = lock;
  const holder = `${user} on host ${host}, process ${pid}, since ${since.toISOString()} (${formatElapsed(Date.now() - since.getTime())})`;
  const advice = {
    running: "It is running on this host. Wait until it has ended, then run this again.",
    ended: "It no longer runs: the update was cut short, and its lock was left.",
    elsewhere: `This host is ${hostname()}: whether it still runs can't be told from here. Ask ${user}, or look there (ps -p ${pid}); wait while it runs. Where it has ended, recover on that host; if that host is gone for good, remove the lock knowingly (pulumi cancel) and recover from here.`,
  }[lock.owner];
  return `  ${holder}\n    ${advice}`;
}

async function readLock(file: string): Promise<UpdateLock | undefined> {
  const text = await ifThere(readFile(file, "utf8"));
  if (text === undefined) return undefined;
  let content: z.output<typeof lockSchema>;
  try {
    content = lockSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(
      `${file} is no lock in a form that is known here, so it can't be told who is changing the stack. Look at it; it may be of another version of Pulumi.`,
      { cause: error },
    );
  }
  const { username: user, hostname: host, pid, timestamp: since } = content;
  return withOwner({ user, host, pid, since, file });
}

async function withOwner(lock: Omit<UpdateLock, "owner">): Promise<UpdateLock> {
  return { ...lock, owner: await stateOfOwner(lock) };
}
