import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { execa } from "execa";
import pMap from "p-map";
import { manifestObjects } from "../../migration/rights/kubernetesManifests.js";
import type { BuiltImage } from "../images/images.js";
import { IMAGE_TAGS } from "../images/tags.js";
import { labDirectory, labPaths, type LabPaths } from "../paths.js";
import type { Parts } from "../parts/types.js";
import type { Progress } from "../../automation/progress.js";
import { coarsenTimers } from "../coarseTimers.js";
import { claimDirectory, refuseWhatAnotherHas } from "./cleanup.js";
import { Cluster } from "./cluster.js";
import { installControlPlane, startApi, startControllers } from "./control-plane.js";
import { dnsManifests } from "./dns.js";
import { acquireLock, findRunningLab } from "./lock.js";
import { bootNode, type Description, writeDescription } from "./members.js";
import { createMember, createVpc } from "./namespaces.js";
import * as nodes from "./node.js";
import { createPki } from "./pki.js";
import { cleanLeftovers, stopCluster } from "./stop.js";
import { type Daemon, Supervisor } from "./supervisor.js";
import {
  type ClusterNode,
  masterNode,
  OPERATOR,
  OPERATOR_ADDRESS,
  VPC,
  workerNode,
} from "./topology.js";

const API_TIMEOUT_MS = 60_000;
const NODES_TIMEOUT_MS = 90_000;

export interface ClusterOptions {
  /** 1 to 50; one master comes on top. */
  readonly workers: number;
  readonly parts: Pick<Parts, "kubernetes" | "etcd">;
  /** For the nodes' disks; those of pause and CoreDNS must be among them. */
  readonly images: readonly BuiltImage[];
  /**
   * What to run as AWS in the VPC's namespace, started as soon as the PKI is there. It must
   * print a line of JSON once it listens. None: nothing answers at AWS's addresses.
   */
  readonly awsCommand?: (paths: LabPaths) => Pick<Daemon, "file" | "args" | "env">;
  readonly progress: Progress;
  /** Gives the start up: {@link startCluster} cleans up, then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Starts a cluster: returns when every node is Ready and DNS answers. What a killed run has
 * left is removed first; when the start fails, so is all that was started.
 * @throws when a lab already runs, or naming what did not come up with the end of its log
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const directory = labDirectory();
  refuseWhatAnotherHas(directory);
  await cleanLeftovers(options.progress);
  await acquireLock(directory);
  coarsenTimers();
  const supervisor = new Supervisor(labPaths(directory));
  try {
    await claimDirectory(directory);
    options.signal?.addEventListener("abort", () => supervisor.abandon(reasonOf(options.signal)));
    return await bringUp(labPaths(directory), options, supervisor);
  } catch (error) {
    supervisor.abandon(error as Error);
    // First comes what went wrong: a clean-up that fails too must not hide it.
    await stopCluster().catch((second: Error) => {
      options.progress.note(`clean-up after the failed start: ${second.message}`);
    });
    throw error;
  }
}

/** The cluster that runs in this lab's directory, also where another process started it. */
export async function openCluster(): Promise<Cluster> {
  const paths = labPaths();
  if (!findRunningLab()) throw new Error(`no lab runs in ${paths.directory}`);
  if (!existsSync(paths.cluster)) throw new Error(`the lab in ${paths.directory} is not up yet`);
  return new Cluster(paths, JSON.parse(await readFile(paths.cluster, "utf8")) as Description);
}

async function bringUp(
  paths: LabPaths,
  options: ClusterOptions,
  supervisor: Supervisor,
): Promise<Cluster> {
  const { progress } = options;
  const master = masterNode();
  const workers = Array.from({ length: options.workers }, (_, i) => workerNode(i + 1));
  const description: Description = {
    nodes: [master, ...workers],
    binaries: { ...options.parts.kubernetes, etcd: options.parts.etcd },
    images: options.images,
  };
  const cluster = new Cluster(paths, description, supervisor);

  await progress.run("network and certificates", async () => {
    await Promise.all([createPki(paths), createSshKey(paths), createNetwork()]);
    for (const node of description.nodes) await nodes.installNode(paths, node, IMAGE_TAGS.pause);
    await installControlPlane(paths, master);
    await writeDescription(paths, description);
  });
  const aws = startAws(paths, options, supervisor);
  await bootNode(paths, description, master, supervisor);
  startApi(master, supervisor);
  const runtimes = progress.run("nodes and their images", () =>
    startRuntimes(paths, description, supervisor),
  );
  const api = progress.run("Kubernetes API", () => waitForApi(cluster, description.nodes));
  try {
    await supervisor.guard(Promise.all([aws, runtimes, api]));
  } catch (error) {
    // The clean-up after this must not race with what still starts things.
    supervisor.abandon(error as Error);
    await Promise.allSettled([aws, runtimes, api]);
    throw error;
  }
  startControllers(master, supervisor);
  for (const node of description.nodes) nodes.startKubelet(node, supervisor);
  await progress.run(`${description.nodes.length} nodes Ready`, () =>
    cluster.waitReady(cluster.nodes, NODES_TIMEOUT_MS),
  );
  await progress.run("cluster DNS", () => waitForDns(cluster));
  return cluster;
}

async function createNetwork(): Promise<void> {
  await createVpc();
  await createMember(OPERATOR, OPERATOR_ADDRESS);
}

async function createSshKey(paths: LabPaths): Promise<void> {
  await mkdir(dirname(paths.ssh.key), { recursive: true, mode: 0o700 });
  const name = "operator";
  await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", paths.ssh.key]);
}

async function startAws(
  paths: LabPaths,
  options: ClusterOptions,
  supervisor: Supervisor,
): Promise<void> {
  if (!options.awsCommand) return;
  supervisor.start({ name: "aws", member: VPC, ...options.awsCommand(paths) });
  await supervisor.until(
    () => {
      const listens = readFileSync(supervisor.logOf("aws"), "utf8").split("\n").some(isJsonObject);
      return Promise.resolve(listens ? undefined : "AWS does not listen yet");
    },
    { timeoutMs: 60_000, blame: "aws" },
  );
}

function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error("the start was given up");
}

function isJsonObject(line: string): boolean {
  return line.startsWith("{") && line.endsWith("}");
}

async function startRuntimes(
  paths: LabPaths,
  description: Description,
  supervisor: Supervisor,
): Promise<void> {
  const start = async (node: ClusterNode) => {
    supervisor.assertRunning();
    if (node.role === "worker") await bootNode(paths, description, node, supervisor);
    await nodes.waitForRuntime(paths, node, supervisor);
    await nodes.importImages(node, description.images);
  };
  try {
    await pMap(description.nodes, start, { concurrency: 4, stopOnError: false });
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/** Waits for the API, then makes what the kubelets and the DNS expect, and gives the operator rights. */
async function waitForApi(cluster: Cluster, members: readonly ClusterNode[]): Promise<void> {
  await cluster.supervisor.until(
    async () => {
      await cluster.kubectl(["get", "--raw", "/readyz"], { timeoutMs: 5_000 });
      return undefined;
    },
    { timeoutMs: API_TIMEOUT_MS, intervalMs: 300, blame: "kube-apiserver" },
  );
  await cluster.apply([
    ...members.map((node) => nodes.nodeManifest(node)),
    ...dnsManifests(IMAGE_TAGS.coredns),
    ...manifestObjects("move", "before"),
  ]);
}

async function waitForDns(cluster: Cluster): Promise<void> {
  await cluster.supervisor.until(
    async () => {
      const jsonPath = "jsonpath={.status.readyReplicas}";
      const ready = await cluster.kubectl([
        "--namespace=kube-system",
        "get",
        "deployment/coredns",
        "-o",
        jsonPath,
      ]);
      return ready === "1" ? undefined : "CoreDNS is not ready";
    },
    { timeoutMs: 60_000, intervalMs: 500, blame: "kubelet-master-1" },
  );
}
