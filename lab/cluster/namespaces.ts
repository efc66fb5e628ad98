import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa, type Options, type ResultPromise } from "execa";
import { labDirectory } from "../paths.js";
import { machineInit } from "./machine.js";
import { METADATA_ADDRESS, NAMESPACE_PREFIX, VPC, VPC_ADDRESS } from "./topology.js";

const NETNS_DIRECTORY = "/run/netns";

/** What a command on a node sees: nothing of the caller's environment. */
const NODE_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
};

/**
 * Runs a command in one of the lab's namespaces: in the network namespace alone for
 * {@link VPC} and `kiamlab-operator`; on a node also with its own files, host name and
 * processes, and with a clean environment.
 * @param namespace a full name: `kiamlab-operator`, `kiamlab-worker-1` …
 * @throws when the node is down, or (on await) when the command fails
 */
export function runIn<T extends Options = Record<never, never>>(
  namespace: string,
  command: string,
  args: readonly string[] = [],
  options?: T,
): ResultPromise<T> {
  const [file, ...rest] = [...enter(namespace), command, ...args];
  const merged = { ...environmentOf(namespace), ...options } as unknown as T;
  return execa<T>(file as string, rest, merged) as unknown as ResultPromise<T>;
}

/** The command line to put before another so that it runs in the namespace. */
export function enter(namespace: string, directory: string = labDirectory()): string[] {
  const node = nodeOf(namespace, directory);
  if (!node) return ["nsenter", `--net=${NETNS_DIRECTORY}/${namespace}`, "--"];
  const init = machineInit(directory, node);
  if (!init) throw new Error(`${node} is down: nothing can be run on it until it is started`);
  return ["nsenter", `--target=${init.pid}`, "--mount", "--uts", "--net", "--pid", "--"];
}

/** Options for processes in the namespace: a node's are cut off from the caller's environment. */
export function environmentOf(
  namespace: string,
  directory: string = labDirectory(),
): { extendEnv?: boolean; env?: Record<string, string> } {
  return nodeOf(namespace, directory) ? { extendEnv: false, env: NODE_ENVIRONMENT } : {};
}

/** The lab's network namespaces that exist on this machine now. */
export function listNamespaces(): string[] {
  if (!existsSync(NETNS_DIRECTORY)) return [];
  return readdirSync(NETNS_DIRECTORY).filter((name) => name.startsWith(NAMESPACE_PREFIX));
}

/** How /proc/<pid>/ns/net names the namespace; undefined when it is half made. */
export function networkIdentity(namespace: string): string | undefined {
  try {
    return `net:[${statSync(join(NETNS_DIRECTORY, namespace)).ino}]`;
  } catch {
    return undefined;
  }
}

/** The network that stands for the VPC: one bridge, which also holds the metadata address. */
export async function createVpc(): Promise<void> {
  await execa("ip", ["netns", "add", VPC]);
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
  namespace: string,
  address: string,
  routes: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await execa("ip", ["netns", "add", namespace]);
  const port = portOf(address);
  await ipBatch(VPC, [
    `link add ${port} type veth peer name eth0 netns ${namespace}`,
    `link set ${port} master br0 up`,
  ]);
  await ipBatch(namespace, [
    "link set lo up",
    `address add ${address}/24 dev eth0`,
    "link set eth0 up",
    `route add default via ${VPC_ADDRESS}`,
    ...[...routes].map(([destination, hop]) => `route replace ${destination} via ${hop}`),
  ]);
}

export async function replaceRoute(
  namespace: string,
  destination: string,
  hop: string,
): Promise<void> {
  await ipBatch(namespace, [`route replace ${destination} via ${hop}`]);
}

/**
 * Removes a member of the VPC. Its end on the bridge is removed by name: a process that still
 * holds the namespace would otherwise keep the address in use.
 */
export async function deleteMember(namespace: string, address?: string): Promise<void> {
  if (address && existsSync(join(NETNS_DIRECTORY, VPC))) {
    await execa("ip", ["-n", VPC, "link", "delete", portOf(address)], { reject: false });
  }
  if (existsSync(join(NETNS_DIRECTORY, namespace)))
    await execa("ip", ["netns", "delete", namespace]);
}

function portOf(address: string): string {
  return `port-${address.split(".").at(-1)}`;
}

async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  await execa("ip", ["-n", namespace, "-batch", "-"], { input: lines.join("\n") + "\n" });
}

function nodeOf(namespace: string, directory: string): string | undefined {
  const name = namespace.slice(NAMESPACE_PREFIX.length);
  return namespace.startsWith(NAMESPACE_PREFIX) && existsSync(join(directory, "nodes", name))
    ? name
    : undefined;
}
