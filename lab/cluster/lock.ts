import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pWaitFor from "p-wait-for";
import { labDirectory, labName } from "../paths.js";
import { identify, isAlive, type ProcessIdentity } from "./processes.js";

/** One lab a directory: its names on the machine derive from it. */
const LOCKS = "/run";

/** What the lock says about the lab that holds it. */
export interface LabLock {
  readonly owner: ProcessIdentity;
  readonly directory: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The lab outlives the program that started it, until it is taken down. */
  readonly kept: boolean;
  /** No lab runs any more: its owner removes what one has left. */
  readonly cleaning?: boolean;
}

/** The lab that runs in this directory, its owner alive or kept on purpose; else undefined. */
export function findRunningLab(directory: string = labDirectory()): LabLock | undefined {
  const lock = readLock(lockOf(directory));
  return lock && isRunning(lock) ? lock : undefined;
}

/** Every lab of this machine that has a lock, in whatever directory, running or abandoned. */
export function knownLabs(): LabLock[] {
  return readdirSync(LOCKS)
    .filter((name) => /^kiamlab-[0-9a-f]+\.lock$/.test(name))
    .map((name) => readLock(join(LOCKS, name)))
    .filter((lock) => lock !== undefined);
}

export function isRunning(lock: LabLock): boolean {
  return lock.cleaning !== true && (lock.kept || isAlive(lock.owner));
}

/**
 * Takes a directory for a lab of this process, or to remove what one has left. What is left of one
 * whose program was killed goes with the lock to the process that gets it; while a process is
 * removing it, that is waited for.
 * @throws when a lab runs there, or in a directory above or below, saying whose and how to take it down
 */
export async function acquireLock(
  directory: string = labDirectory(),
  { cleaning = false }: { cleaning?: boolean } = {},
): Promise<void> {
  const lock = lockOf(directory);
  const mine: LabLock = {
    owner: identify(process.pid),
    directory,
    startedAt: new Date().toISOString(),
    kept: false,
    ...(cleaning ? { cleaning } : {}),
  };
  const draft = `${lock}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    await pWaitFor(
      () => {
        const running = knownLabs().find((lab) => isRunning(lab) && overlap(lab, mine));
        if (running) throw new LabRunningError(running);
        // link fails where the name exists: of several that start at once, one gets it.
        if (tryLink(draft, lock)) return true;
        const holder = readLock(lock);
        if (holder && !isAlive(holder.owner)) dropStale(lock);
        return false;
      },
      { interval: 50 },
    );
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Whether one's directory is the other's, or lies in it: it would be removed with it. */
function overlap(a: LabLock, b: LabLock): boolean {
  const [upper = "", lower = ""] = [`${a.directory}/`, `${b.directory}/`].sort();
  return lower.startsWith(upper);
}

/** From now on the lab stays when this process ends. */
export function keepLock(directory: string = labDirectory()): void {
  const lock = readLock(lockOf(directory));
  if (!lock) throw new Error("there is no lab to keep");
  replace({ ...lock, kept: true });
}

/** Makes this process the owner of a running lab, to take it down. */
export function adoptLock(directory: string = labDirectory()): void {
  const lock = readLock(lockOf(directory));
  if (lock) replace({ ...lock, owner: identify(process.pid), kept: false, cleaning: true });
}

export function releaseLock(directory: string = labDirectory()): void {
  rmSync(lockOf(directory), { force: true });
}

/** A lab runs in that directory, and there can be one. */
export class LabRunningError extends Error {
  constructor(lock: LabLock) {
    super(describeRunning(lock));
  }
}

export function describeRunning(lock: LabLock): string {
  const who = isAlive(lock.owner) ? `process ${lock.owner.pid}` : "an earlier run that kept it";
  return (
    `a lab already runs in ${lock.directory}: started ${lock.startedAt} by ${who}. ` +
    "There can be one in a directory, and none in those within it. Wait for it, take it down with: npm start -- --down, " +
    "or set KIAM_LAB_DIR to another directory to run one beside it"
  );
}

function lockOf(directory: string): string {
  return join(LOCKS, `${labName(directory)}.lock`);
}

function readLock(file: string): LabLock | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as LabLock;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${file} cannot be read; if no lab runs, remove it`, { cause: error });
  }
}

function replace(lock: LabLock): void {
  const file = lockOf(lock.directory);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(lock));
  renameSync(draft, file);
}

function tryLink(draft: string, lock: string): boolean {
  try {
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Moves a dead owner's lock away; a live one that slipped in meanwhile goes back. */
function dropStale(lock: string): void {
  const aside = `${lock}.stale.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = JSON.parse(readFileSync(aside, "utf8")) as LabLock;
  // The process that got the name in between has it.
  if (isAlive(moved.owner) || isRunning(moved)) tryLink(aside, lock);
  rmSync(aside, { force: true });
}
