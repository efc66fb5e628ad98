/**
 * Nodes without machines, for a real API server with a real DaemonSet controller: pods are bound,
 * become ready and go as a kubelet would have them, and each node has a nat chain that kube2iam,
 * kiam and preStop hooks change as they do. Commands that gates run in pods act on that chain.
 */
import { setTimeout as sleep } from "node:timers/promises";

import {
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type KubeConfig,
  type V1Pod,
  type V1Taint,
} from "@kubernetes/client-node";

import type { ExecResult } from "../../cluster/kubernetes/exec.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import { insertsItsRule, kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import type { System } from "../../migration/rules/natRule.js";
import type { NodeReport } from "../../migration/rules/nodeReport.js";
import { bootIdOf, ports, runScript, type FakeNode } from "./fakeNode.js";

export class FakeNodes {
  readonly nodes = new Map<string, FakeNode>();
  /** uids of pods whose hook was disarmed. */
  readonly disarmed = new Set<string>();
  /** Names of nodes in the order in which kube2iam's pods left them. */
  readonly left: string[] = [];
  /** Why a hook cannot be disarmed, by node. */
  readonly undisarmable = new Map<string, string>();
  /** Called before each command that a gate runs in a pod; what it throws is what the gate gets. */
  onExec: (node: string, command: readonly string[], pod: V1Pod) => Promise<void> = () =>
    Promise.resolve();
  private readonly core: CoreV1Api;
  /** `<node> <system>` where a pod of that system runs. */
  private served = new Set<string>();
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(config: KubeConfig) {
    this.core = config.makeApiClient(CoreV1Api);
  }

  async add(
    name: string,
    hostIp: string,
    labels: Record<string, string> = {},
    taints: V1Taint[] = [],
  ): Promise<void> {
    await this.create(name, hostIp, labels, taints);
    this.nodes.set(name, {
      ...{ name, hostIp, rules: [], connections: [], verdict: "right", lost: false },
      stuck: new Set(),
    });
  }

  /** Another node takes its place under its name; pods that are bound to it stay. */
  async replace(name: string): Promise<void> {
    const { metadata } = await this.core.readNode({ name });
    await this.core.deleteNode({ name });
    await this.create(name, this.node(name).hostIp, metadata?.labels ?? {}, []);
  }

  private async create(
    name: string,
    hostIp: string,
    labels: Record<string, string>,
    taints: V1Taint[],
  ): Promise<void> {
    await this.core.createNode({ body: { metadata: { name, labels }, spec: { taints } } });
    // The API server taints new nodes; a node that is ready loses that.
    const body = { spec: { taints: taints.length === 0 ? null : taints } };
    const patched = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
    await this.core.patchNode({ name, body }, patched);
    const addresses = [{ type: "InternalIP", address: hostIp }];
    await this.core.patchNodeStatus({ name, body: { status: { addresses } } }, merge);
    await this.setBootId(name, bootIdOf(name));
    await this.setReady(name, true);
  }

  /** As its kubelet reports it once it has booted. */
  async setBootId(name: string, bootID: string): Promise<void> {
    await this.core.patchNodeStatus({ name, body: { status: { nodeInfo: { bootID } } } }, merge);
  }

  /** As its kubelet, or the lack of one, has it reported. */
  async setReady(name: string, ready: boolean): Promise<void> {
    const node = this.nodes.get(name);
    if (node !== undefined) node.lost = !ready;
    const condition = { type: "Ready", status: ready ? "True" : "False" };
    await this.core.patchNodeStatus({ name, body: { status: { conditions: [condition] } } }, merge);
  }

  /** It reports no address, as before a cloud controller has seen it. */
  async takeAddress(name: string): Promise<void> {
    const node = await this.core.readNode({ name });
    await this.core.replaceNodeStatus({
      name,
      body: { ...node, status: { ...node.status, addresses: [] } },
    });
  }

  /** As its kubelet reports a pod of which no container runs. */
  async endContainers({ metadata, status }: V1Pod): Promise<void> {
    const { namespace = "", name = "" } = metadata ?? {};
    const ended = { terminated: { exitCode: 1 } };
    const containerStatuses = status?.containerStatuses?.map((each) => ({ ...each, state: ended }));
    const body = { status: { containerStatuses } };
    await this.core.patchNamespacedPodStatus({ namespace, name, body }, merge);
  }

  /** It leaves the cluster; its pods stay listed. */
  async remove(name: string): Promise<void> {
    await this.core.deleteNode({ name });
    this.nodes.delete(name);
  }

  node(name: string): FakeNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  start(): void {
    this.running = this.loop();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async loop(): Promise<void> {
    while (!this.stopping) {
      const { items } = await this.core.listPodForAllNamespaces();
      this.served = new Set(
        items
          .filter(({ status }) => status?.phase === "Running")
          .map((pod) => `${pod.spec?.nodeName} ${systemOf(pod)}`),
      );
      for (const pod of items) {
        try {
          await this.look(pod);
        } catch (error) {
          // Gone or changed meanwhile: the next look sees it as it is.
          if (!/404|409|NotFound/.test(String(error))) throw error;
        }
      }
      await sleep(50);
    }
  }

  private async look(pod: V1Pod): Promise<void> {
    const { namespace = "", name = "" } = pod.metadata ?? {};
    const wanted = nodeOf(pod);
    if (wanted === undefined || !this.nodes.has(wanted)) return;
    const node = this.node(wanted);
    if (node.lost) return;
    if (pod.metadata?.deletionTimestamp !== undefined) {
      this.runHook(pod, node);
      if (isKube2iam(pod)) this.left.push(node.name);
      await this.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    } else if (pod.spec?.nodeName === undefined) {
      const body = { metadata: { name }, target: { kind: "Node", name: node.name } };
      // The answer is a Status, which the client takes for something else.
      await this.core.createNamespacedPodBinding({ namespace, name, body }).catch(() => {});
    } else if (pod.status?.phase === "Pending" && !isStuck(pod, node)) {
      this.insertRule(pod, node);
      const body = { status: this.statusOf(pod, node) };
      await this.core.patchNamespacedPodStatus({ namespace, name, body }, merge);
    }
  }

  private insertRule(pod: V1Pod, node: FakeNode): void {
    const system = systemOf(pod);
    if (system === undefined || node.rules.includes(system)) return;
    if (system === "kiam" || insertsItsRule(kube2iamCommandLine(pod.spec))) node.rules.push(system);
  }

  private runHook(pod: V1Pod, node: FakeNode): void {
    if (dangerousHooks(pod.spec).length === 0 || this.disarmed.has(uidOf(pod))) return;
    node.rules = [];
  }

  /** Stands in for `exec` of cluster/kubernetes/cluster.ts. */
  readonly exec = async (pod: V1Pod, command: readonly string[]): Promise<ExecResult> => {
    await this.onExec(pod.spec?.nodeName ?? "", command, pod);
    const node = this.node(pod.spec?.nodeName ?? "");
    if (node.lost) throw new Error(`no route to host ${node.hostIp}`);
    const answer = (exitCode: number, stdout: string, stderr = "") =>
      Promise.resolve({ exitCode, stdout, stderr });
    if (command.includes("disarm.sh")) {
      const refusal = this.undisarmable.get(node.name);
      if (refusal !== undefined) return answer(1, "", refusal);
      this.disarmed.add(uidOf(pod));
      return answer(0, "/sbin/iptables\n");
    }
    if (command.includes("wget")) {
      return answer(node.unhealthy === undefined ? 0 : 1, "", node.unhealthy);
    }
    const words = command.slice(command.indexOf("--") + 1);
    const system = words.includes("--system")
      ? (words[words.indexOf("--system") + 1] as System)
      : null;
    const verb = words[0] as NodeReport["verb"];
    const tables = node.tables?.[systemOf(pod) ?? "kube2iam"] ?? [];
    return answer(0, JSON.stringify(runScript(node, verb, system, tables)));
  };

  private statusOf(pod: V1Pod, node: FakeNode) {
    const probed = pod.metadata?.labels?.["app.kubernetes.io/name"] === "credential-probe";
    const asked = /:(\d+)$/.exec(pod.spec?.containers[0]?.command?.[4] ?? "")?.[1];
    const listener = (["kube2iam", "kiam"] as const).find((each) => String(ports[each]) === asked);
    const system = listener ?? node.rules[0];
    const gone = system !== undefined && !this.served.has(`${node.name} ${system}`);
    const who = node.answers ?? (gone ? "unclear" : (system ?? "nobody"));
    const identity = { who, ping: `ping of ${who}`, healthz: `healthz of ${who}` };
    const verdict = {
      ...{ before: identity, after: identity },
      verdict: who === "unclear" ? "failed" : node.rules.length === 0 ? "wrong" : node.verdict,
      role: node.rules.length === 0 ? "the-node" : "probe",
      ...{ code: "Success", expiration: "soon", error: "", attempts: 3, failures: 0 },
      milliseconds: 5,
    };
    const state = probed
      ? { terminated: { exitCode: 0, message: JSON.stringify(verdict) } }
      : { running: { startedAt: new Date().toISOString() } };
    const container = pod.spec?.containers[0];
    return {
      // As a kubelet has it for a second after the container has ended.
      phase: "Running",
      hostIP: node.hostIp,
      conditions: [{ type: "Ready", status: probed ? "False" : "True" }],
      containerStatuses: [
        {
          ...{ name: container?.name, image: container?.image, imageID: "", restartCount: 0 },
          ready: !probed,
          state,
        },
      ],
    };
  }
}

const merge = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);

function uidOf(pod: V1Pod): string {
  return pod.metadata?.uid ?? "";
}

function isKube2iam(pod: V1Pod): boolean {
  return pod.metadata?.labels?.["app.kubernetes.io/name"] === "kube2iam";
}

function isAgent(pod: V1Pod): boolean {
  return pod.metadata?.labels?.["app.kubernetes.io/component"] === "agent";
}

function systemOf(pod: V1Pod): System | undefined {
  return isKube2iam(pod) ? "kube2iam" : isAgent(pod) ? "kiam" : undefined;
}

function isStuck(pod: V1Pod, { stuck }: FakeNode): boolean {
  const system = systemOf(pod);
  return system !== undefined && stuck.has(system);
}

/** Where a pod is, or where the DaemonSet controller or a gate wants it. */
function nodeOf(pod: V1Pod): string | undefined {
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
      ?.nodeSelectorTerms;
  return pod.spec?.nodeName ?? terms?.[0]?.matchFields?.[0]?.values?.[0];
}
