import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { BuiltImage } from "../images/images.js";
import type { LabPaths } from "../paths.js";
import { bootMachine } from "./machine.js";
import { createMember, namespacePath } from "./namespaces.js";
import { hostKey, prepareNetwork, startRuntime } from "./node.js";
import type { Supervisor } from "./supervisor.js";
import type { ClusterNode } from "./topology.js";

/** What a process must know to work with a cluster that another one started. */
export interface Description {
  nodes: ClusterNode[];
  /** name → path on the machine; nodes have them as /run/bin/<name>. */
  binaries: Record<string, string>;
  /** What nodes have on their disks from the start. */
  images: readonly BuiltImage[];
}

/** The roles of the nodes' instance profiles, as kops names them. */
const NODE_ROLES = { master: "masters.lab.k8s.local", worker: "nodes.lab.k8s.local" } as const;

/** Boots a node and its container runtime, in a network namespace of its own. */
export async function bootNode(
  paths: LabPaths,
  description: Description,
  node: ClusterNode,
  supervisor: Supervisor,
): Promise<void> {
  const others = description.nodes.filter((each) => each.name !== node.name);
  const routes = new Map(others.map((each) => [each.podCidr, each.address]));
  await createMember(node.name, node.address, routes);
  const network = namespacePath(node.name, paths.directory);
  await bootMachine(paths, node, network, description.binaries, supervisor);
  await prepareNetwork(node);
  startRuntime(node, supervisor);
}

/**
 * Writes who belongs to the cluster, for each who must know: other processes of the lab,
 * instance metadata, ssh.
 */
export async function writeDescription(paths: LabPaths, description: Description): Promise<void> {
  const sources = description.nodes.map(
    (node) => [node.address, { name: node.name, role: NODE_ROLES[node.role] }] as const,
  );
  const known = await Promise.all(
    description.nodes.map(async (node) => `${node.address} ${await hostKey(paths, node)}\n`),
  );
  await replaceFile(paths.awsNodes, JSON.stringify(Object.fromEntries(sources), null, 2));
  await replaceFile(paths.ssh.knownHosts, known.join(""));
  await replaceFile(paths.cluster, JSON.stringify(description, null, 2));
}

/** Readers see the former content or the new one, never a part. */
async function replaceFile(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, content);
  await rename(`${file}.new`, file);
}
