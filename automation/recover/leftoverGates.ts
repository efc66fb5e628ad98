import { execa } from "execa";

import { Deadline, waitFor } from "../../cluster/wait.js";

/** A gate that an engine started which is no longer there. */
interface LeftoverGate {
  pid: number;
  /** Such as `probe-live`. */
  verb: string;
}

/**
 * Gates that run on this host although their engine has ended: the process that started them is
 * gone, or is a plugin whose own parent is gone. Whether a gate survives its engine is up to that
 * plugin.
 *
 * @throws when the processes can't be listed: what can't be checked does not count as absent
 */
export async function findLeftoverGates(): Promise<LeftoverGate[]> {
  const processes = await listProcesses();
  /** What started it; undefined where that has ended. A command's shell does not count. */
  const starter = ({ parent }: Process): Process | undefined => {
    const found = processes.get(parent);
    if (found === undefined || inheritsOrphans(parent, found)) return undefined;
    return / -c /.test(found.command) && /^\S*sh /.test(found.command) ? starter(found) : found;
  };
  const isLeftover = (gate: Process): boolean => {
    const by = starter(gate);
    return by === undefined || (/\/pulumi-resource-/.test(by.command) && starter(by) === undefined);
  };
  return [...processes].flatMap(([pid, process]) => {
    const verb = gateVerb(process.command);
    return verb !== undefined && isLeftover(process) ? [{ pid, verb }] : [];
  });
}

/**
 * Gates of a dead engine that still run after a while, a line each. They could change a worker after
 * it was looked at.
 */
export async function gatesStillRunning(seconds = 60): Promise<string[]> {
  const look = await waitFor<void, LeftoverGate[]>(Deadline.after(seconds), async () => {
    const found = await findLeftoverGates();
    return found.length === 0 ? { done: undefined } : { pending: found };
  });
  if ("done" in look) return [];
  return look.pending.map(
    ({ pid, verb }) =>
      `  gate ${verb} of that update still runs on this host: wait until process ${pid} has ended, or end it (kill ${pid}); then recover again`,
  );
}

interface Process {
  parent: number;
  command: string;
}

/** The verb of a gate, from the command line that components/gate.ts gives it. */
function gateVerb(command: string): string | undefined {
  return /^\S*node (?:.* )?gates\/main\.ts ([a-z0-9-]+)$/.exec(command)?.[1];
}

/** The system's first process; in a desktop's or login's session, systemd's for that user. */
function inheritsOrphans(pid: number, { command }: Process): boolean {
  return pid === 1 || /^\S*systemd --user/.test(command);
}

async function listProcesses(): Promise<Map<number, Process>> {
  let listing: string;
  try {
    ({ stdout: listing } = await execa("ps", ["-A", "-ww", "-o", "pid=,ppid=,args="]));
  } catch (error) {
    throw new Error(
      "Whether gates of the update that was cut short still run can't be checked: ps failed. Install it (procps), then run this again.",
      { cause: error },
    );
  }
  return new Map(
    listing.split("\n").flatMap((line) => {
      const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return command === undefined
        ? []
        : [[Number(pid), { parent: Number(parent), command }] as const];
    }),
  );
}
