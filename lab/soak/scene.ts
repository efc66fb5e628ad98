/* What the parts of a soak share: the cluster, whom it serves, and what is going on. */
import { AppsV1Api, CoreV1Api, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";

import type { Stage } from "../../migration/stages.js";
import type { Cluster } from "../cluster/cluster.js";
import { openCluster } from "../cluster/start.js";
import { sh } from "../disturb.js";
import { readNatRules, systemsInOrder } from "../natRules.js";
import type { LabPaths } from "../paths.js";
import { applicationRoles } from "../workload/roles.js";
import { clientOf, Reading, type Disturbance } from "./answers.js";

export class Scene {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  readonly reading: Reading;
  /** Every event so far, as it went. */
  readonly disturbances: Disturbance[] = [];
  /** The stage of the update that runs now; undefined between two. */
  moving: Stage | undefined;

  constructor(
    readonly kube: KubeConfig,
    readonly paths: LabPaths,
  ) {
    this.core = kube.makeApiClient(CoreV1Api);
    this.apps = kube.makeApiClient(AppsV1Api);
    this.reading = new Reading(paths);
  }

  /** The cluster as it is now: nodes come and go. */
  cluster(): Promise<Cluster> {
    return openCluster();
  }

  /** Whose rules each worker has, such as `kube2iam before kiam`. */
  async rules(): Promise<Map<string, string>> {
    const cluster = await this.cluster();
    const all = await readNatRules(cluster);
    return new Map(
      cluster.workers.map(({ name, address }) => [
        name,
        systemsInOrder(all[name] ?? [], address).join(" before "),
      ]),
    );
  }

  /**
   * The workers whose pods a system may have to answer: its rule comes first, or a connection to it
   * is kept, which no change of rules ends; or an update is about to put kiam's in front.
   */
  async needing(system: "kube2iam" | "kiam"): Promise<string[]> {
    const cutsOver = system === "kiam" && (this.moving === "cutover" || this.moving === "retire");
    const rules = await this.rules();
    const port = system === "kiam" ? 8881 : 8181;
    const needing = await Promise.all(
      [...rules].map(async ([name, order]) => {
        const systems = order.split(" ");
        if (systems[0] === system || (cutsOver && systems.includes(system))) return [name];
        const kept = await sh(name, `ss -Hnt state established "( sport = :${port} )"`);
        return kept.trim() === "" ? [] : [name];
      }),
    );
    return needing.flat();
  }

  /** The workers on which a system's rule comes first. */
  async behind(system: "kube2iam" | "kiam"): Promise<string[]> {
    const rules = await this.rules();
    return [...rules].flatMap(([name, order]) => (order.split(" ")[0] === system ? [name] : []));
  }

  /** Whether a DaemonSet is there. */
  async hasDaemonSet(namespace: string, name: string): Promise<boolean> {
    const { items } = await this.apps.listNamespacedDaemonSet({ namespace });
    return items.some(({ metadata }) => metadata?.name === name);
  }

  /** Of the applications that run all the time, those on these workers that run now. */
  private async clients(nodes: readonly string[]): Promise<string[]> {
    const lists = await Promise.all(
      applicationRoles.map(({ namespace }) =>
        this.core.listNamespacedPod({ namespace, labelSelector: `app=${namespace}-app` }),
      ),
    );
    const on = (node: string) =>
      lists.flatMap(({ items }) => items.filter((pod) => pod.spec?.nodeName === node));
    return nodes.flatMap((node) => {
      const pods = on(node).filter((pod) => pod.metadata?.deletionTimestamp === undefined);
      // None to be asked is not the same as all being well.
      return pods.length < applicationRoles.length
        ? [`${applicationRoles.length - pods.length} applications of ${node} without a pod`]
        : pods.flatMap(clientsOf);
    });
  }

  /** Clients on these workers without a good answer since a moment (milliseconds since the epoch). */
  async silent(nodes: readonly string[], since: number): Promise<string[]> {
    await this.reading.collect();
    const { lastGood } = this.reading.answers;
    return (await this.clients(nodes)).filter((client) => (lastGood.get(client) ?? 0) < since);
  }

  /**
   * Waits until every client on these workers has had a good answer since now.
   *
   * @throws after so many seconds, naming those that had none
   */
  async served(nodes: readonly string[], seconds = 120): Promise<void> {
    const since = Date.now();
    let silent: string[] = [];
    await pWaitFor(
      async () => {
        silent = await this.silent(nodes, since);
        return silent.length === 0;
      },
      { interval: 500, timeout: seconds * 1000 },
    ).catch((cause: unknown) => {
      throw new Error(`no good answer within ${seconds} s: ${silent.join(", ")}`, { cause });
    });
  }
}

function clientsOf({ metadata, spec }: V1Pod): string[] {
  const { namespace = "", name = "" } = metadata ?? {};
  // Its containers are named by how they connect.
  return (spec?.containers ?? []).map((container) =>
    clientOf({ namespace, pod: name, mode: container.name as "fresh" | "keepalive" }),
  );
}
