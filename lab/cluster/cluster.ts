import { rm } from "node:fs/promises";
import { IMAGE_TAGS } from "../images/tags.js";
import type { LabPaths } from "../paths.js";
import { stopCluster } from "./stop.js";
import { keepLock } from "./lock.js";
import { bootId, haltMachine, installBootScript, nodeDirectory } from "./machine.js";
import { bootNode, type Description, writeDescription } from "./members.js";
import { deleteMember, listMembers, replaceRoute, runIn } from "./namespaces.js";
import * as nodes from "./node.js";
import { Supervisor } from "./supervisor.js";
import { type ClusterNode, OPERATOR, workerNode } from "./topology.js";

interface NodeList {
  items: {
    metadata: { name: string };
    status: {
      conditions?: { type: string; status: string }[];
      nodeInfo?: { bootID: string };
    };
  }[];
}

/** A running cluster. All its state is in the lab directory. */
export class Cluster {
  readonly supervisor: Supervisor;

  constructor(
    readonly paths: LabPaths,
    private readonly description: Description,
    supervisor?: Supervisor,
  ) {
    this.supervisor = supervisor ?? new Supervisor(paths);
  }

  get nodes(): readonly ClusterNode[] {
    return this.description.nodes;
  }

  get workers(): readonly ClusterNode[] {
    return this.nodes.filter((node) => node.role === "worker");
  }

  node(name: string): ClusterNode {
    const found = this.nodes.find((node) => node.name === name);
    if (!found)
      throw new Error(`the lab has no node ${name}: ${this.nodes.map((n) => n.name).join(", ")}`);
    return found;
  }

  /** The host key to pin for a node: `ssh-ed25519 AAAA…`. */
  hostKey(name: string): Promise<string> {
    return nodes.hostKey(this.paths, this.node(name));
  }

  /** Runs kubectl as the admin, in the operator's namespace, and returns what it prints. */
  async kubectl(
    args: readonly string[],
    options: { input?: string; timeoutMs?: number } = {},
  ): Promise<string> {
    const result = await runIn(
      OPERATOR,
      this.description.binaries.kubectl as string,
      ["--kubeconfig", this.paths.kubeconfig, ...args],
      {
        ...(options.input === undefined ? {} : { input: options.input }),
        timeout: options.timeoutMs ?? 60_000,
      },
    );
    return result.stdout;
  }

  async apply(manifests: readonly object[]): Promise<void> {
    const list = { apiVersion: "v1", kind: "List", items: manifests };
    await this.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
      input: JSON.stringify(list),
    });
  }

  /** Waits for `work`, but fails at once when any of the lab's daemons dies meanwhile. */
  guard<T>(work: Promise<T>): Promise<T> {
    return this.supervisor.guard(work);
  }

  /**
   * Adds the next worker and waits until it is Ready.
   *
   * @param options what it registers with, and what it runs at every boot (see machine-init.sh)
   */
  async addNode(
    options: nodes.Registration & { bootScripts?: Record<string, string> } = {},
  ): Promise<ClusterNode> {
    const used = new Set(this.nodes.map((node) => node.index));
    let index = 1;
    while (used.has(index)) index++;
    const node = workerNode(index);
    await nodes.installNode(this.paths, node, IMAGE_TAGS.pause);
    for (const [name, script] of Object.entries(options.bootScripts ?? {})) {
      await installBootScript(this.paths, node, name, script);
    }
    this.description.nodes.push(node);
    await writeDescription(this.paths, this.description);
    const up = new Set(listMembers());
    for (const other of this.nodes.filter((each) => each !== node && up.has(each.name))) {
      await replaceRoute(other.name, node.podCidr, node.address);
    }
    await this.apply([nodes.nodeManifest(node, options)]);
    await this.boot(node);
    await nodes.importImages(node, this.description.images);
    nodes.startKubelet(node, this.supervisor);
    await this.waitReady([node]);
    return node;
  }

  /** Takes a worker out of the cluster as an autoscaler does: power off, Node object deleted. */
  async removeNode(name: string): Promise<void> {
    const node = this.node(name);
    if (node.role === "master") throw new Error("the lab's only master cannot be removed");
    await this.stopNode(name);
    await this.kubectl(["delete", "node", name, "--ignore-not-found"]);
    await rm(nodeDirectory(this.paths, node), { recursive: true });
    this.description.nodes = this.nodes.filter((each) => each !== node);
    await writeDescription(this.paths, this.description);
  }

  /**
   * Boots a node that is down: a new boot id, empty nat tables, its disk as it was. Returns
   * when its daemons run; {@link waitReady} waits for what Kubernetes thinks.
   */
  async startNode(name: string): Promise<void> {
    const node = this.node(name);
    await this.boot(node);
    nodes.startKubelet(node, this.supervisor);
  }

  /** Cuts a node's power. The Node object stays and becomes NotReady after a while. */
  async stopNode(name: string): Promise<void> {
    const node = this.node(name);
    if (node.role === "master") throw new Error("the lab's only master cannot be stopped");
    this.supervisor.dismiss((daemon) => daemon.endsWith(`-${name}`));
    await haltMachine(this.paths, node);
    await deleteMember(node.name, { address: node.address });
  }

  /** Waits until Kubernetes has these nodes Ready as they are now, not as before a reboot. */
  async waitReady(which: readonly ClusterNode[] = this.nodes, timeoutMs = 60_000): Promise<void> {
    await this.supervisor.until(
      async () => {
        const listed = JSON.parse(await this.kubectl(["get", "nodes", "-o", "json"])) as NodeList;
        const missing = which.filter((node) => {
          const item = listed.items.find((each) => each.metadata.name === node.name);
          return !item || !isReady(item, bootId(this.paths, node));
        });
        return missing.length > 0
          ? `not Ready: ${missing.map((node) => node.name).join(", ")}`
          : undefined;
      },
      { timeoutMs, intervalMs: 500, blame: `kubelet-${which.at(-1)?.name}` },
    );
  }

  /** Lets the lab outlive this process. */
  keep(): void {
    keepLock();
  }

  /** Removes every trace of the lab from the machine. */
  async stop(): Promise<void> {
    this.supervisor.abandon(new Error("the lab has been taken down"));
    await stopCluster();
  }

  private async boot(node: ClusterNode): Promise<void> {
    await bootNode(this.paths, this.description, node, this.supervisor);
    await nodes.waitForRuntime(this.paths, node, this.supervisor);
  }
}

function isReady({ status }: NodeList["items"][number], boot: string): boolean {
  const ready = status.conditions?.find((condition) => condition.type === "Ready");
  return ready?.status === "True" && status.nodeInfo?.bootID === boot;
}
