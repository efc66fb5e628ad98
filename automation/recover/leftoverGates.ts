import { execa } from "execa";

/** A gate that an engine started which is no longer there. */
export interface LeftoverGate {
  pid: number;
  /** Such as `probe-live`. */
  verb: string;
}

/**
 * Gates that run on this host although their engine has ended: whoever started them is gone, or is
 * a plugin whose own parent is. Whether a gate survives its engine is up to that plugin.
 *
 * @throws when the processes can't be listed: what can't be checked does not count as absent
 */
export async function findLeftoverGates(): Promise<LeftoverGate[]> {
  const processes = await listProcesses();
  /** Who started it; undefined where that has ended. The shell of a command does not count. */
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

interface Process {
  parent: number;
  command: string;
}

/** As components/gate.ts starts it. */
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
