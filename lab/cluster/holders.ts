import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { controlGroupsOf } from "./cgroups.js";
import { listMembers, namespacePath, networkIdentity } from "./namespaces.js";
import { commandLine, listProcesses } from "./processes.js";
import type { Holder, TakenName } from "./taken.js";

/** Every name of a lab in that directory that exists on this machine now, and who has it. */
export function namesInUse(directory: string): TakenName[] {
  return [
    ...listMembers(directory).map((member) => namespace(member, directory)),
    ...controlGroupsOf(directory).map(controlGroup),
  ];
}

function namespace(member: string, directory: string): TakenName {
  const identity = networkIdentity(member, directory);
  const inside = listProcesses().filter(
    ({ network }) => network !== undefined && network === identity,
  );
  return {
    kind: "network namespace",
    name: namespacePath(member, directory),
    holders: inside.map(({ pid }) => holder(pid, portsOf(pid))),
  };
}

function controlGroup(group: string): TakenName {
  const lists = readdirSync(group, { recursive: true, encoding: "utf8" }).filter(
    (file) => file === "cgroup.procs" || file.endsWith("/cgroup.procs"),
  );
  const pids = lists.flatMap((list) => readIfThere(join(group, list)).split("\n").filter(Boolean));
  return {
    kind: "control group",
    name: group,
    holders: pids.map((pid) => holder(Number(pid), [])),
  };
}

function holder(pid: number, ports: readonly number[]): Holder {
  return { pid, command: commandLine(pid), ports };
}

/** The TCP ports on which a process listens in its network namespace. */
function portsOf(pid: number): number[] {
  const own = socketsOf(pid);
  const ports = ["tcp", "tcp6"]
    .flatMap((table) => readIfThere(`/proc/${pid}/net/${table}`).split("\n").slice(1))
    .flatMap((row) => {
      // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
      const fields = row.trim().split(/\s+/);
      const [local = "", state, inode = ""] = [fields[1], fields[3], fields[9]];
      const listens = state === "0A";
      return listens && own.has(inode) ? [parseInt(local.split(":")[1] ?? "", 16)] : [];
    });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Inodes of the sockets that a process has open. */
function socketsOf(pid: number): Set<string> {
  const directory = `/proc/${pid}/fd`;
  const inodes = new Set<string>();
  if (!existsSync(directory)) return inodes;
  for (const descriptor of readdirSync(directory)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(join(directory, descriptor)))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // It was closed meanwhile.
    }
  }
  return inodes;
}

/** Processes end while they are looked at. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
