import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import pWaitFor from "p-wait-for";
import { labPaths } from "../paths.js";

/**
 * A process that cannot be mistaken for a later one with the same id: `startTime` is field 22
 * of /proc/<pid>/stat, in clock ticks since boot.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

export interface ProcessInfo extends ProcessIdentity {
  readonly parent: number;
  /** `net:[4026531840]`, or undefined where the process has gone or is a zombie. */
  readonly network?: string;
}

/** What /proc says about a process, or undefined when there is none, or only its zombie. */
function readProcess(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name is in parentheses and may hold anything, parentheses included.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, parent, startTime] = [fields[0], fields[1], fields[19]];
    if (state === "Z" || state === "X" || !startTime) return undefined;
    return { pid, parent: Number(parent), startTime, network: readNetwork(pid) };
  } catch {
    return undefined;
  }
}

export function identify(pid: number): ProcessIdentity {
  const found = readProcess(pid);
  if (!found) throw new Error(`process ${pid} ended before it could be recorded`);
  return { pid, startTime: found.startTime };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return readProcess(identity.pid)?.startTime === identity.startTime;
}

export function listProcesses(): ProcessInfo[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => readProcess(Number(entry)))
    .filter((found) => found !== undefined);
}

/** The given processes and all that descend from them. */
export function withDescendants(
  roots: ReadonlySet<number>,
  all: readonly ProcessInfo[],
): ProcessInfo[] {
  const members = new Set(roots);
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const each of all) if (members.has(each.parent)) members.add(each.pid);
  }
  return all.filter((each) => members.has(each.pid));
}

/** This process and those it descends from: what a clean-up must never kill. */
function ownLine(): Set<number> {
  const line = new Set<number>([0, 1]);
  for (let pid = process.pid; pid > 1; pid = readProcess(pid)?.parent ?? 0) line.add(pid);
  return line;
}

/**
 * Kills what `choose` names, and whatever that starts meanwhile, until nothing is left. All are
 * stopped before the first is killed: a process killed while it forks leaves a child that no
 * longer descends from anything known, whereas a stopped one has no more children than it has.
 * @param choose looks at the processes that run now and returns those that must go
 */
export async function killUntilGone(
  choose: (all: readonly ProcessInfo[]) => ProcessInfo[],
  timeoutMs = 15_000,
): Promise<void> {
  let left: ProcessInfo[] = [];
  const stopped = new Set<string>();
  const spared = ownLine();
  await pWaitFor(
    () => {
      left = choose(listProcesses()).filter((each) => !spared.has(each.pid));
      const running = left.filter((each) => !stopped.has(processKey(each)));
      for (const each of running) {
        signal(each, "SIGSTOP");
        stopped.add(processKey(each));
      }
      if (running.length === 0) for (const each of left) signal(each, "SIGKILL");
      return left.length === 0;
    },
    { interval: 50, timeout: timeoutMs },
  ).catch(() => {
    throw new Error(
      `processes of the lab survive SIGKILL after ${timeoutMs / 1000} s: ` +
        left.map((each) => `${each.pid} (${commandLine(each.pid)})`).join(", "),
    );
  });
}

function processKey({ pid, startTime }: ProcessIdentity): string {
  return `${pid} ${startTime}`;
}

function signal(identity: ProcessIdentity, name: "SIGSTOP" | "SIGKILL"): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 120);
  } catch {
    return "gone";
  }
}

function readNetwork(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** The first process of a node that runs, or undefined when the node is down. */
export function machineInit(directory: string, node: string): ProcessIdentity | undefined {
  try {
    const init = JSON.parse(
      readFileSync(join(labPaths(directory).nodes, node, "init.json"), "utf8"),
    ) as ProcessIdentity;
    return isAlive(init) ? init : undefined;
  } catch {
    return undefined;
  }
}
