import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

/** A process may seem to have begun so many seconds after its own lock: clocks are read in seconds. */
const toleranceSeconds = 5;
/** Units of the start time in /proc, in a second: fixed by the kernel's interface. */
const ticksPerSecond = 100;

/**
 * running: on this host. ended: on this host, and no longer there. elsewhere: on a host of another
 * name, which can't be looked at from here.
 *
 * Hosts are told apart by their names. Two containers that share a state directory and a name take
 * each other for dead: give them different names.
 */
export type OwnerState = "running" | "ended" | "elsewhere";

/** What has become of the process that took a lock. What cannot be told counts as running. */
export async function stateOfOwner(owner: {
  host: string;
  pid: number;
  /** When it took the lock. */
  since: Date;
}): Promise<OwnerState> {
  if (owner.host !== hostname()) return "elsewhere";
  if (!exists(owner.pid)) return "ended";
  return (await isAnother(owner.pid, owner.since)) ? "ended" : "running";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: the process of another user, and alive.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/**
 * Whether the process of that number is not the engine that took the lock: it is dead and its parent
 * has not collected it yet, or it is no engine and began later, so the number was given out again.
 */
async function isAnother(pid: number, since: Date): Promise<boolean> {
  let stat: string, boot: string;
  try {
    [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile("/proc/stat", "utf8"),
    ]);
  } catch {
    // No /proc on this system, or the process has ended just now: the next look will tell.
    return false;
  }
  // The program's name is in parentheses and may hold any character.
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return true;
  if (name === "pulumi") return false;
  const bootSeconds = Number(/^btime (\d+)$/m.exec(boot)?.[1]);
  const began = bootSeconds + Number(fields[19]) / ticksPerSecond;
  // With NaN this is false: what cannot be told counts as running.
  return began > since.getTime() / 1000 + toleranceSeconds;
}
