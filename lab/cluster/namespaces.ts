import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa, type Options, type ResultPromise } from "execa";
import { lessCollecting } from "../goEnvironment.js";
import { labDirectory, labName, labPaths } from "../paths.js";
import { machineInit } from "./processes.js";
import { METADATA_ADDRESS, VPC, VPC_ADDRESS } from "./topology.js";

/*
 * A lab's network has members: its nodes, {@link VPC} and the operator. Each has a network
 * namespace; only this file knows what the machine calls it.
 */

const NETNS_DIRECTORY = "/run/netns";

/** What a command on a node sees: nothing of the caller's environment but {@link lessCollecting}. */
const NODE_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
  ...lessCollecting,
};

/**
 * Runs a command where a member of the lab is: in the network namespace alone for {@link VPC} and
 * the operator; on a node also with its own files, host name and processes, and with a clean
 * environment.
 * @param member `operator`, `worker-1` …
 * @throws when the node is down, or (on await) when the command fails
 */
export function runIn<T extends Options = Record<never, never>>(
  member: string,
  command: string,
  args: readonly string[] = [],
  options?: T,
): ResultPromise<T> {
  const [file, ...rest] = [...enter(member), command, ...args];
  const merged = { ...environmentOf(member), ...options } as unknown as T;
  return execa<T>(file as string, rest, merged) as unknown as ResultPromise<T>;
}

/** The command line to put before another so that it runs where that member is. */
export function enter(member: string, directory: string = labDirectory()): string[] {
  if (!isNode(member, directory)) {
    return ["nsenter", `--net=${namespacePath(member, directory)}`, "--"];
  }
  const init = machineInit(directory, member);
  if (!init) throw new Error(`${member} is down: nothing can be run on it until it is started`);
  return ["nsenter", `--target=${init.pid}`, "--mount", "--uts", "--net", "--pid", "--"];
}

/** Options for processes of a member: a node's are cut off from the caller's environment. */
export function environmentOf(
  member: string,
  directory: string = labDirectory(),
): { extendEnv?: boolean; env?: Record<string, string> } {
  return isNode(member, directory) ? { extendEnv: false, env: NODE_ENVIRONMENT } : {};
}

/** The members of a lab that have a network namespace on this machine now. */
export function listMembers(directory: string = labDirectory()): string[] {
  if (!existsSync(NETNS_DIRECTORY)) return [];
  const prefix = namespaceOf("", directory);
  return readdirSync(NETNS_DIRECTORY)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

/** Where a member's network namespace can be entered. */
export function namespacePath(member: string, directory: string = labDirectory()): string {
  return join(NETNS_DIRECTORY, namespaceOf(member, directory));
}

/** How /proc/<pid>/ns/net names a member's namespace; undefined when it is half made. */
export function networkIdentity(member: string, directory: string): string | undefined {
  try {
    return `net:[${statSync(namespacePath(member, directory)).ino}]`;
  } catch {
    return undefined;
  }
}

/** The network that stands for the VPC: one bridge, which also holds the metadata address. */
export async function createVpc(): Promise<void> {
  await execa("ip", ["netns", "add", namespaceOf(VPC)]);
  await ipBatch(VPC, [
    "link set lo up",
    // Without an address of its own it takes a member's, and another when that one leaves.
    "link add br0 address 02:00:0a:63:00:fe type bridge forward_delay 0 stp_state 0",
    `address add ${VPC_ADDRESS}/24 dev br0`,
    `address add ${METADATA_ADDRESS}/32 dev br0`,
    "link set br0 up",
  ]);
}

/**
 * A network namespace on the VPC's bridge with address `address` on `eth0`, its default route
 * through the VPC, and `routes` (destination → next hop).
 */
export async function createMember(
  member: string,
  address: string,
  routes: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await execa("ip", ["netns", "add", namespaceOf(member)]);
  const port = portOf(address);
  await ipBatch(VPC, [
    `link add ${port} type veth peer name eth0 netns ${namespaceOf(member)}`,
    `link set ${port} master br0 up`,
  ]);
  await ipBatch(member, [
    "link set lo up",
    `address add ${address}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${VPC_ADDRESS}`,
    ...[...routes].map(([destination, hop]) => `route replace ${destination} via ${hop}`),
  ]);
}

export async function replaceRoute(
  member: string,
  destination: string,
  hop: string,
): Promise<void> {
  await ipBatch(member, [`route replace ${destination} via ${hop}`]);
}

/**
 * Removes a member of the VPC. Its end on the bridge is removed by name: a process that still
 * holds the namespace would otherwise keep the address in use.
 */
export async function deleteMember(
  member: string,
  { address, directory = labDirectory() }: { address?: string; directory?: string } = {},
): Promise<void> {
  if (address && existsSync(namespacePath(VPC, directory))) {
    const vpc = namespaceOf(VPC, directory);
    await execa("ip", ["-n", vpc, "link", "delete", portOf(address)], { reject: false });
  }
  if (existsSync(namespacePath(member, directory)))
    await execa("ip", ["netns", "delete", namespaceOf(member, directory)]);
}

function portOf(address: string): string {
  return `port-${address.split(".").at(-1)}`;
}

async function ipBatch(member: string, lines: readonly string[]): Promise<void> {
  await execa("ip", ["-n", namespaceOf(member), "-batch", "-"], { input: lines.join("\n") + "\n" });
}

function namespaceOf(member: string, directory: string = labDirectory()): string {
  return `${labName(directory)}-${member}`;
}

function isNode(member: string, directory: string): boolean {
  return existsSync(join(labPaths(directory).nodes, member));
}
