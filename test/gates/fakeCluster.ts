/**
 * A real API server with the real DaemonSet and garbage collector controllers, kube2iam's and
 * kiam's agents' DaemonSets, and nodes that are not real (fakeNodes.ts).
 */
import {
  AppsV1Api,
  CoreV1Api,
  type KubernetesObject,
  type V1DaemonSet,
  type V1Pod,
} from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";

import { Cluster } from "../../cluster/kubernetes/cluster.js";
import { isReady } from "../../cluster/kubernetes/objects.js";
import { GateContext } from "../../gates/protocol/context.js";
import type { Probe } from "../../gates/protocol/inputs.js";
import type { Target } from "../../migration/situation/target.js";
import type { GateError } from "../../migration/text/problem.js";
import { kube2iamName, kube2iamObjects } from "../../lab/workload/kube2iam.js";
import { agentLabels } from "../../migration/kiam/names.js";
import type { System } from "../../migration/rules/natRule.js";
import { requireApiServer, startApiServer, type ApiServer } from "../engine/apiserver.js";
import { giveRights } from "../engine/giveRights.js";
import { FakeNodes } from "./fakeNodes.js";

export const agentName = { namespace: "kiam", name: "kiam-agent" };

/** Label of nodes to which no agent comes. */
export const agentless = "test/agentless";

export const target: Target = {
  kubernetes: {},
  kube2iam: {
    ...{ namespace: kube2iamName.namespace, daemonSet: kube2iamName.name },
    ...{ port: 8181, interface: "cni0" },
  },
  kiam: {
    namespace: agentName.namespace,
    serverDaemonSet: "kiam-server",
    agentDaemonSet: agentName.name,
    agentPort: 8881,
    serverPort: 443,
  },
  timeoutSeconds: 6,
};

export const probe: Probe = { image: "busybox", namespace: "kiam", role: "probe", successes: 3 };

export class FakeCluster {
  /** What gates told those who watch, since the last {@link reset}. */
  told = "";
  /** For the functions that gates are made of. */
  context!: GateContext;
  private readonly before = {
    kubeconfig: process.env.KUBECONFIG,
    write: process.stderr.write.bind(process.stderr),
    exec: Object.getOwnPropertyDescriptor(Cluster.prototype, "exec")!,
  };

  private constructor(
    readonly api: ApiServer,
    readonly core: CoreV1Api,
    readonly apps: AppsV1Api,
    readonly fake: FakeNodes,
  ) {}

  /**
   * For a `before` hook, which is skipped where there is no API server.
   *
   * @param objects what is there from the beginning
   */
  static async start(
    hook: Mocha.Context,
    objects: KubernetesObject[] = kube2iamObjects({ workers: 0 }),
  ): Promise<FakeCluster> {
    const binaries = requireApiServer(hook);
    const api = await startApiServer(binaries, ["daemonset-controller"]);
    const { config } = api;
    const [core, apps] = [config.makeApiClient(CoreV1Api), config.makeApiClient(AppsV1Api)];
    const started = new FakeCluster(api, core, apps, new FakeNodes(config));
    // Gates run as one who has the rights of rights/kubernetes and no others.
    await core.createNamespace({ body: { metadata: { name: agentName.namespace } } });
    await giveRights(api, "move", ["before", "in-kiam"]);
    process.env.KUBECONFIG = api.kubeconfigOf.move;
    started.context = await GateContext.connect(target);
    process.stderr.write = (text) => {
      started.told += String(text);
      return true;
    };
    Cluster.prototype.exec = started.fake.exec;
    started.fake.start();
    for (const object of objects) await api.objects.create(object);
    return started;
  }

  async stop(): Promise<void> {
    const { kubeconfig, write, exec } = this.before;
    process.stderr.write = write;
    Object.defineProperty(Cluster.prototype, "exec", exec);
    if (kubeconfig === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = kubeconfig;
    await this.fake.stop();
    await this.api.stop();
  }

  /** No node and no agent is left of the test before. */
  async reset(): Promise<void> {
    this.fake.onExec = () => Promise.resolve();
    for (const name of [...this.fake.nodes.keys()]) await this.fake.remove(name);
    const { namespace } = agentName;
    await this.apps.deleteNamespacedDaemonSet(agentName).catch(() => undefined);
    for (const each of [namespace, kube2iamName.namespace]) {
      await this.core.deleteCollectionNamespacedPod({ namespace: each, gracePeriodSeconds: 0 });
    }
    await this.agentsGone();
    this.told = "";
  }

  async deployAgents(): Promise<void> {
    const labels = { ...agentLabels };
    await this.apps.createNamespacedDaemonSet({
      namespace: agentName.namespace,
      body: {
        metadata: { name: agentName.name, labels },
        spec: {
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              hostNetwork: true,
              containers: [{ name: "kiam", image: "kiam", args: ["agent", "--port=8881"] }],
              affinity: {
                nodeAffinity: {
                  requiredDuringSchedulingIgnoredDuringExecution: {
                    nodeSelectorTerms: [
                      { matchExpressions: [{ key: agentless, operator: "DoesNotExist" }] },
                    ],
                  },
                },
              },
            },
          },
        },
      },
    });
  }

  /**
   * Nodes with pods of both systems.
   *
   * @param rules whose rules each has, first one first
   */
  async nodes(rules: Record<string, System[]>): Promise<void> {
    await this.deployAgents();
    for (const [index, name] of Object.keys(rules).entries()) {
      await this.fake.add(name, `10.0.0.1${index + 1}`);
    }
    await this.podsOn(Object.keys(rules));
    for (const [name, own] of Object.entries(rules)) this.fake.node(name).rules = [...own];
  }

  /** Waits until both systems' pods are ready on these nodes. */
  async podsOn(names: readonly string[]): Promise<void> {
    await pWaitFor(
      async () => {
        const pods = [...(await this.podsOf(kube2iamName)), ...(await this.podsOf(agentName))];
        const ready = pods.filter(isReady).map((pod) => pod.spec?.nodeName);
        return names.every((name) => ready.filter((each) => each === name).length === 2);
      },
      { interval: 100, timeout: 30_000 },
    );
  }

  async podsOf({ namespace, name }: { namespace: string; name: string }) {
    const daemonSet: V1DaemonSet = await this.apps.readNamespacedDaemonSet({ namespace, name });
    const { items } = await this.core.listNamespacedPod({ namespace });
    return items.filter((pod) =>
      pod.metadata?.ownerReferences?.some(({ uid }) => uid === daemonSet.metadata?.uid),
    );
  }

  agents() {
    return this.podsOf(agentName);
  }

  /** As Pulumi deletes it: it goes once its pods have. */
  async deleteAgents(): Promise<void> {
    await this.apps.deleteNamespacedDaemonSet({ ...agentName, propagationPolicy: "Foreground" });
  }

  /** Their DaemonSet is gone, and its pods before it. */
  async agentsGone(): Promise<void> {
    await pWaitFor(
      () =>
        this.apps.readNamespacedDaemonSet(agentName).then(
          () => false,
          () => true,
        ),
      { interval: 100, timeout: 20_000 },
    );
  }

  private async agentOn(node: string): Promise<V1Pod> {
    const found = (await this.agents()).find(
      (pod) => pod.spec?.nodeName === node && pod.metadata?.deletionTimestamp === undefined,
    );
    if (found === undefined) throw new Error(`no agent on ${node}`);
    return found;
  }

  /** kube2iam's pod is ready on a node. */
  async kube2iamOn(node: string): Promise<void> {
    await pWaitFor(
      async () =>
        (await this.podsOf(kube2iamName)).some(
          (pod) => pod.spec?.nodeName === node && isReady(pod),
        ),
      { interval: 100, timeout: 20_000 },
    );
  }

  /** kube2iam's pod on a node is deleted; the controller makes another. */
  async deleteKube2iamOn(node: string): Promise<void> {
    const { namespace } = kube2iamName;
    for (const { metadata, spec } of await this.podsOf(kube2iamName)) {
      if (spec?.nodeName !== node) continue;
      const name = metadata?.name ?? "";
      await this.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    }
  }

  /** Its pod is deleted, and the next one is ready. */
  async replaceAgent(node: string): Promise<void> {
    const { metadata } = await this.agentOn(node);
    await this.core.deleteNamespacedPod({ namespace: "kiam", name: metadata?.name ?? "" });
    await pWaitFor(
      async () =>
        (await this.agents()).some(
          (pod) =>
            pod.spec?.nodeName === node && pod.metadata?.uid !== metadata?.uid && isReady(pod),
        ),
      { interval: 100, timeout: 20_000 },
    );
  }

  /** Its container ends and is started again. */
  async restartAgent(node: string): Promise<void> {
    const pod = await this.agentOn(node);
    const containerStatuses = (pod.status?.containerStatuses ?? []).map((each) => ({
      ...each,
      restartCount: each.restartCount + 1,
    }));
    await this.core.replaceNamespacedPodStatus({
      namespace: "kiam",
      name: pod.metadata?.name ?? "",
      body: { ...pod, status: { ...pod.status, containerStatuses } },
    });
  }

  /** The node of that name is another one from now on. */
  async replace(name: string, hostIp: string): Promise<void> {
    await this.fake.remove(name);
    await this.fake.add(name, hostIp);
  }
}

/** For a `describe`: starts a cluster for its tests, and empties it after each of them. */
export function useFakeCluster(started: (cluster: FakeCluster) => void): void {
  let cluster: FakeCluster | undefined;
  before("API server", async function () {
    cluster = await FakeCluster.start(this);
    started(cluster);
  });
  after(async () => cluster?.stop());
  afterEach(async () => cluster?.reset());
}

/** The error that a gate ends with. */
export async function failureOf(gate: Promise<unknown>): Promise<GateError> {
  const error: unknown = await gate.then(
    (answer) => new Error(`it succeeded: ${JSON.stringify(answer)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof Error && error.name === "GateError") return error as GateError;
  throw error;
}
