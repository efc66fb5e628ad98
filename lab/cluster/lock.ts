import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { labDirectory } from "../paths.js";
import { identify, isAlive, type ProcessIdentity } from "./processes.js";

/** One lab a machine, whatever its directory: its namespaces have fixed names. */
const LOCK = "/run/kube2iam-to-kiam-lab.lock";

/** What the lock says about the lab that holds it. */
export interface LabLock {
  readonly owner: ProcessIdentity;
  readonly directory: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The lab outlives the program that started it, until it is taken down. */
  readonly kept: boolean;
}

/** The lab that runs on this machine, its owner alive or kept on purpose; else undefined. */
export function findRunningLab(): LabLock | undefined {
  const lock = readLock();
  return lock && (lock.kept || isAlive(lock.owner)) ? lock : undefined;
}

/** What is left of a lab whose program was killed; undefined while one runs. */
export function findAbandonedLab(): LabLock | undefined {
  const lock = readLock();
  return lock && !lock.kept && !isAlive(lock.owner) ? lock : undefined;
}

/**
 * Takes the machine for a lab of this process.
 * @throws when a lab runs, saying whose and how to take it down
 */
export function acquireLock(directory: string = labDirectory()): void {
  const mine: LabLock = {
    owner: identify(process.pid),
    directory,
    startedAt: new Date().toISOString(),
    kept: false,
  };
  const draft = `${LOCK}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(mine));
  try {
    // link fails where the name exists: of several that start at once, one gets it.
    while (!tryLink(draft)) {
      const running = findRunningLab();
      if (running) throw new Error(describeRunning(running));
      dropStale();
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** From now on the lab stays when this process ends. */
export function keepLock(): void {
  const lock = readLock();
  if (!lock) throw new Error("there is no lab to keep");
  replace({ ...lock, kept: true });
}

/** Makes this process the owner of a kept lab, or of an abandoned one's remains. */
export function adoptLock(): void {
  const lock = readLock();
  if (lock) replace({ ...lock, owner: identify(process.pid), kept: false });
}

export function releaseLock(): void {
  rmSync(LOCK, { force: true });
}

export function describeRunning(lock: LabLock): string {
  const who = isAlive(lock.owner) ? `process ${lock.owner.pid}` : "an earlier run that kept it";
  return (
    `a lab already runs on this machine: started ${lock.startedAt} by ${who}, in ${lock.directory}. ` +
    "There can be one at a time. Wait for it, or take it down with: npm start -- --down"
  );
}

function readLock(): LabLock | undefined {
  try {
    return JSON.parse(readFileSync(LOCK, "utf8")) as LabLock;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${LOCK} cannot be read; if no lab runs, remove it`, { cause: error });
  }
}

function replace(lock: LabLock): void {
  const draft = `${LOCK}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(lock));
  renameSync(draft, LOCK);
}

function tryLink(draft: string): boolean {
  mkdirSync("/run", { recursive: true });
  try {
    linkSync(draft, LOCK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Moves a dead owner's lock away; a live one that slipped in meanwhile goes back. */
function dropStale(): void {
  const aside = `${LOCK}.stale.${process.pid}`;
  try {
    renameSync(LOCK, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = JSON.parse(readFileSync(aside, "utf8")) as LabLock;
  if (moved.kept || isAlive(moved.owner)) linkSync(aside, LOCK);
  rmSync(aside, { force: true });
}
