import { existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import pWaitFor from "p-wait-for";
import { labName, type LabPaths } from "../paths.js";
import { createControlGroups, removeControlGroups } from "./cgroups.js";
import {
  killUntilGone,
  listProcesses,
  machineInit,
  type ProcessIdentity,
  withDescendants,
} from "./processes.js";
import type { Supervisor } from "./supervisor.js";
import { type ClusterNode, DNS_ADDRESS, SSH_USER } from "./topology.js";

/** No distribution gives this id to a user of its own. */
const SSH_UID = 20000;

/**
 * Kernel settings that a kubelet insists on. It finds these values in place, and so changes
 * nothing for the machine that runs the lab.
 */
const KUBELET_SETTINGS = {
  "vm:overcommit_memory": "1",
  "vm:panic_on_oom": "0",
  "kernel:panic": "10",
  "kernel:panic_on_oops": "1",
  "kernel:keys:root_maxkeys": "1000000",
  "kernel:keys:root_maxbytes": "25000000",
};

export function nodeDirectory(paths: LabPaths, node: ClusterNode): string {
  return join(paths.nodes, node.name);
}

/** A path as the node sees it → where it lies for the lab. Only /etc, /var/lib and /var/log. */
export function onNode(paths: LabPaths, node: ClusterNode, path: string): string {
  const [, first, second, ...rest] = path.split("/");
  const home = nodeDirectory(paths, node);
  if (first === "etc") return join(home, "etc", second ?? "", ...rest);
  if (first === "var" && (second === "lib" || second === "log")) {
    return join(home, `var-${second}`, ...rest);
  }
  throw new Error(`${path} is not one of a node's own files`);
}

/** Writes a file of the node, as the node names it. The node need not run. */
export async function writeOnNode(
  paths: LabPaths,
  node: ClusterNode,
  path: string,
  content: string,
  mode = 0o644,
): Promise<void> {
  const file = onNode(paths, node, path);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, content, { mode });
  await chmod(file, mode);
}

/** Has a node run a shell script at each of its boots from the next on, before its daemons start. */
export async function installBootScript(
  paths: LabPaths,
  node: ClusterNode,
  name: string,
  script: string,
): Promise<void> {
  await writeOnNode(paths, node, `/etc/boot.d/${name}.sh`, script, 0o755);
}

/**
 * What a new node's disk holds: users, resolver, CA certificates, identity. A reboot keeps it.
 */
export async function installMachine(paths: LabPaths, node: ClusterNode): Promise<void> {
  const home = nodeDirectory(paths, node);
  for (const name of ["etc", "etc-work", "var-lib", "var-log", "proc", "run", "cgroup"]) {
    await mkdir(join(home, name), { recursive: true });
  }
  for (const [name, value] of Object.entries(KUBELET_SETTINGS)) {
    await writeFile(join(home, "proc", name), value + "\n");
  }
  const write = (path: string, content: string, mode?: number) =>
    writeOnNode(paths, node, path, content, mode);
  await write("/etc/hostname", `${node.name}\n`);
  await write("/etc/hosts", `127.0.0.1 localhost\n${node.address} ${node.name}\n`);
  await write("/etc/resolv.conf", `nameserver ${DNS_ADDRESS}\noptions timeout:1 attempts:2\n`);
  await write(
    "/etc/nsswitch.conf",
    "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
  );
  await write("/etc/machine-id", `${randomBytes(16).toString("hex")}\n`);
  await addUser(paths, node);
  await trustAwsCa(paths, node);
}

async function addUser(paths: LabPaths, node: ClusterNode): Promise<void> {
  const entries: [string, string, number][] = [
    ["passwd", `${SSH_USER}:x:${SSH_UID}:${SSH_UID}::/run/home/${SSH_USER}:/bin/bash`, 0o644],
    ["group", `${SSH_USER}:x:${SSH_UID}:`, 0o644],
    // "*" is no password at all; "!" would be a locked account, which sshd refuses.
    ["shadow", `${SSH_USER}:*:19000:0:99999:7:::`, 0o640],
  ];
  for (const [name, entry, mode] of entries) {
    const others = (await readFile(join("/etc", name), "utf8"))
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(`${SSH_USER}:`));
    await writeOnNode(paths, node, `/etc/${name}`, [...others, entry, ""].join("\n"), mode);
  }
  await writeOnNode(
    paths,
    node,
    "/etc/sudoers.d/lab",
    `${SSH_USER} ALL=(ALL) NOPASSWD:ALL\n`,
    0o440,
  );
}

async function trustAwsCa(paths: LabPaths, node: ClusterNode): Promise<void> {
  const certificate = await readFile(paths.awsCa.certificate, "utf8");
  await writeOnNode(paths, node, "/etc/ssl/certs/lab-aws-ca.crt", certificate);
  const bundle = "/etc/ssl/certs/ca-certificates.crt";
  if (existsSync(bundle)) await copyFile(bundle, onNode(paths, node, bundle));
  await writeFile(onNode(paths, node, bundle), certificate, { flag: "a", mode: 0o644 });
}

/**
 * Boots a node: a new boot id, an empty /run, its own mounts and processes.
 * @param network path of its network namespace, which must already be there
 * @param binaries name → path; on the node they are /run/bin/<name>
 */
export async function bootMachine(
  paths: LabPaths,
  node: ClusterNode,
  network: string,
  binaries: Readonly<Record<string, string>>,
  supervisor: Supervisor,
): Promise<void> {
  const home = nodeDirectory(paths, node);
  await writeFile(bootIdFile(paths, node), `${randomUUID()}\n`);
  createControlGroups(paths.directory, node.name);
  const unshare = supervisor.start({
    name: `machine-${node.name}`,
    file: "nsenter",
    args: [
      `--net=${network}`,
      ...[
        "unshare",
        "--mount",
        "--uts",
        "--pid",
        "--fork",
        "--kill-child",
        "--propagation",
        "private",
      ],
      ...["sh", join(__dirname, "machine-init.sh"), node.name, home, labName(paths.directory)],
      ...Object.entries(binaries).map(([name, path]) => `${name}=${path}`),
    ],
  });
  let init: ProcessIdentity | undefined;
  await supervisor.guard(
    pWaitFor(
      () => {
        init = listProcesses().find((each) => each.parent === unshare.pid);
        return init !== undefined && existsSync(`/proc/${init.pid}/root/run/machine-ready`);
      },
      {
        interval: 20,
        timeout: { milliseconds: 10_000, message: `${node.name} did not boot in 10 s` },
      },
    ),
  );
  const { pid, startTime } = init as unknown as ProcessIdentity;
  await writeFile(join(home, "init.json"), JSON.stringify({ pid, startTime }));
}

/** The boot id of the node's present boot, as its kubelet reports it. */
export function bootId(paths: LabPaths, node: ClusterNode): string {
  return readFileSync(bootIdFile(paths, node), "utf8").trim();
}

function bootIdFile(paths: LabPaths, node: ClusterNode): string {
  return join(nodeDirectory(paths, node), "proc", "kernel:random:boot_id");
}

/** Cuts a node's power: every process of it ends at once. Its disk stays. */
export async function haltMachine(paths: LabPaths, node: ClusterNode): Promise<void> {
  const init = machineInit(paths.directory, node.name);
  if (init) {
    const all = listProcesses();
    const network = all.find(({ pid }) => pid === init.pid)?.network;
    // What entered from outside as well: an nsenter that was stopped along with its process never
    // collects it, and the node's init waits for that.
    const entered = all.filter((each) => network !== undefined && each.network === network);
    const roots = new Set([init, ...entered].map(({ pid }) => pid));
    const members = new Set(withDescendants(roots, all).map(({ pid }) => pid));
    await killUntilGone((all) => all.filter((each) => members.has(each.pid)));
  }
  await removeControlGroups(paths.directory, node.name);
  await rm(join(nodeDirectory(paths, node), "init.json"), { force: true });
}
