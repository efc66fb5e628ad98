import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import pWaitFor from "p-wait-for";

/**
 * Makes `target` (a file or a directory) unless it is there already. What `make` writes appears at
 * `target` in one step, when it is whole: a run that is killed leaves nothing that a later one takes
 * for finished. Where another run is making the same, its result is waited for.
 *
 * @param make writes to the path it is handed, in the same directory as `target`.
 * @returns `target`
 */
export async function publish(
  target: string,
  make: (staging: string) => Promise<void>,
): Promise<string> {
  const directory = dirname(target);
  await mkdir(directory, { recursive: true });
  await removeAbandoned(directory);
  if (await exists(target)) return target;
  return oneAtATime(`${target}.lock`, () => makeUnlessThere(target, make));
}

async function makeUnlessThere(
  target: string,
  make: (staging: string) => Promise<void>,
): Promise<string> {
  if (await exists(target)) return target;
  const staging = `${target}.partial-${process.pid}`;
  await rm(staging, { recursive: true, force: true });
  try {
    await make(staging);
    await rename(staging, target);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another run was first with the same content: the name holds a digest of it.
    if (isCode(error, "ENOTEMPTY", "EEXIST")) return target;
    throw error;
  }
  return target;
}

/**
 * Runs `work` once no other process holds that lock. It is taken anew every second while it is held: one
 * that is older than ten was left by a process that is gone.
 */
async function oneAtATime<T>(lock: string, work: () => Promise<T>): Promise<T> {
  await pWaitFor(
    async () => {
      try {
        await writeFile(lock, "", { flag: "wx" });
        return true;
      } catch (error) {
        if (!isCode(error, "EEXIST")) throw error;
      }
      const touched = await stat(lock).then(
        ({ mtimeMs }) => mtimeMs,
        () => Date.now(),
      );
      if (Date.now() - touched > 10_000) await rm(lock, { force: true });
      return false;
    },
    { interval: 200 },
  );
  const hold = setInterval(() => {
    const now = new Date();
    // Where it is gone, another process has taken this one for dead, and makes the same once more.
    void utimes(lock, now, now).catch(() => undefined);
  }, 1000);
  try {
    return await work();
  } finally {
    clearInterval(hold);
    await rm(lock, { force: true });
  }
}

/** Removes what processes that are gone left half made. */
async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = /\.partial-(\d+)/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM");
  }
}

/** A short digest of named pieces of content: the same for the same pieces, whatever their order. */
export function digest(pieces: Readonly<Record<string, string | Uint8Array>>): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(pieces).sort()) {
    const content = pieces[name] ?? "";
    // Lengths keep neighbouring pieces apart.
    hash.update(`${name.length}:${name}:${Buffer.byteLength(content)}:`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Every file under a directory that belongs to its Go build, by path; tests do not. */
export async function goSources(directory: string): Promise<Record<string, Uint8Array>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const sources: Record<string, Uint8Array> = {};
  for (const entry of entries) {
    if (!entry.isFile() || entry.name.endsWith("_test.go")) continue;
    const path = join(entry.parentPath, entry.name);
    sources[relative(directory, path)] = await readFile(path);
  }
  return sources;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
