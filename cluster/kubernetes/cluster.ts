import type * as Client from "@kubernetes/client-node";
import type {
  CoreV1Event,
  KubernetesObject,
  V1DaemonSet,
  V1Node,
  V1Pod,
} from "@kubernetes/client-node";

import { ownedLabel, ownedValue } from "../../migration/facts/clusterFacts.js";
import { GateError } from "../../migration/text/problem.js";
import { messageOf } from "../../migration/text/text.js";
import { apiMessage, codeOf, isNotFound } from "./api.js";
import { call, find, listAll } from "./call.js";
import { exec, type ExecOptions, type ExecResult } from "./exec.js";
import { kubeConfig } from "./kubeConfig.js";
import { isEmptyNode, nameOf, pathOf, selectorText, type ObjectName } from "./objects.js";
import { PodChanges } from "./podChanges.js";

/** Operations of RFC 6902. */
export type JsonPatch = {
  op: "add" | "remove" | "replace" | "test";
  path: string;
  value?: unknown;
}[];

/**
 * The few calls to the Kubernetes API that gates make. Each names itself in its error and is
 * repeated where the API server was only briefly away; "not found" is an answer, not an error.
 */
export class Cluster {
  private constructor(
    private readonly client: typeof Client,
    private readonly config: Client.KubeConfig,
    private readonly core = config.makeApiClient(client.CoreV1Api),
    private readonly apps = config.makeApiClient(client.AppsV1Api),
    private readonly objects = client.KubernetesObjectApi.makeApiClient(config),
  ) {}

  /** By KUBECONFIG, ~/.kube/config or in-cluster; `context` picks another than the current one. */
  static async connect({ context }: { context?: string }): Promise<Cluster> {
    const config = await kubeConfig(context).catch((error: unknown) => {
      throw new GateError(messageOf(error));
    });
    return new Cluster(await import("@kubernetes/client-node"), config);
  }

  /** An object of any kind. */
  async object<T extends KubernetesObject>(
    kind: Pick<T, "apiVersion" | "kind">,
    name: { namespace?: string; name: string },
  ): Promise<T | undefined> {
    return find(`reading ${kind.kind} ${pathOf(name)}`, () =>
      this.objects.read<T>({ ...kind, metadata: name }),
    );
  }

  /** Every object of a kind, in all namespaces where it has any. */
  async objectsOf<T extends KubernetesObject>(apiVersion: string, kind: string): Promise<T[]> {
    const items = await listAll(`listing ${kind}s`, ({ limit, _continue }) =>
      this.objects.list<T>(
        ...([apiVersion, kind, undefined, undefined, undefined, undefined] as const),
        ...([undefined, undefined, limit, _continue] as const),
      ),
    );
    // The server leaves these out in lists.
    return items.map((item) => ({ ...item, apiVersion, kind }));
  }

  /** @returns false where there is one of that name already; it is left as it is */
  async createIfMissing(object: KubernetesObject): Promise<boolean> {
    const { namespace, name = "" } = object.metadata ?? {};
    if ((await this.object(object, { namespace, name })) !== undefined) return false;
    try {
      await call(`creating ${object.kind} ${pathOf({ namespace, name })}`, () =>
        this.objects.create(object),
      );
      return true;
    } catch (error) {
      if (codeOf(error) === 409) return false;
      if (!isNotFound(error)) throw error;
      throw new GateError(`There is no namespace ${namespace} for ${object.kind} ${name}`, [], {
        cause: error,
      });
    }
  }

  async daemonSet({ namespace, name }: ObjectName): Promise<V1DaemonSet | undefined> {
    return find(`reading DaemonSet ${namespace}/${name}`, () =>
      this.apps.readNamespacedDaemonSet({ namespace, name }),
    );
  }

  /** All of the operations are applied in one request, or none of them. */
  async patchDaemonSet({ namespace, name }: ObjectName, body: JsonPatch): Promise<V1DaemonSet> {
    return call(`patching DaemonSet ${namespace}/${name}`, () =>
      this.apps.patchNamespacedDaemonSet({ namespace, name, body }, this.as("JsonPatch")),
    );
  }

  /** Its pods go on running, without an owner. One that is gone already is fine. */
  async deleteDaemonSet({ namespace, name }: ObjectName): Promise<void> {
    await find(`deleting DaemonSet ${namespace}/${name}`, () =>
      this.apps.deleteNamespacedDaemonSet({ namespace, name, propagationPolicy: "Orphan" }),
    );
  }

  /** Deletes the revisions that a DaemonSet without its pods left behind. */
  async deleteOwnerlessRevisions(daemonSet: ObjectName, labelSelector: string): Promise<void> {
    const { namespace } = daemonSet;
    const { items } = await call(`listing ControllerRevisions in ${namespace}`, () =>
      this.apps.listNamespacedControllerRevision({ namespace, labelSelector }),
    );
    for (const { metadata } of items) {
      const name = metadata?.name ?? "";
      if (metadata?.ownerReferences !== undefined || !name.startsWith(`${daemonSet.name}-`))
        continue;
      await find(`deleting ControllerRevision ${namespace}/${name}`, () =>
        this.apps.deleteNamespacedControllerRevision({ namespace, name }),
      );
    }
  }

  /** The pods that a DaemonSet controls, those that are being deleted included. */
  async podsOf(daemonSet: V1DaemonSet): Promise<V1Pod[]> {
    const { namespace } = nameOf(daemonSet);
    const pods = await this.pods(namespace, selectorText(daemonSet.spec?.selector));
    return pods.filter((pod) =>
      pod.metadata?.ownerReferences?.some((owner) => owner.uid === daemonSet.metadata?.uid),
    );
  }

  async pods(namespace: string, labelSelector?: string): Promise<V1Pod[]> {
    const list = await call(`listing pods in ${namespace}`, () =>
      this.core.listNamespacedPod({ namespace, labelSelector: labelSelector || undefined }),
    );
    return list.items;
  }

  /** Every pod of the cluster; `fieldSelector` such as `status.phase=Running`. */
  async allPods(fieldSelector?: string): Promise<V1Pod[]> {
    return listAll("listing pods", (page) =>
      this.core.listPodForAllNamespaces({ ...page, fieldSelector }),
    );
  }

  async pod({ namespace, name }: ObjectName): Promise<V1Pod | undefined> {
    return find(`reading pod ${namespace}/${name}`, () =>
      this.core.readNamespacedPod({ namespace, name }),
    );
  }

  /** Tells when that pod may have changed; stop it in the end. */
  async changesOf(pod: ObjectName): Promise<PodChanges> {
    return PodChanges.of(this.config, pod);
  }

  async createPod(namespace: string, body: V1Pod): Promise<V1Pod> {
    return call(`creating a pod in ${namespace}`, () =>
      this.core.createNamespacedPod({ namespace, body }),
    );
  }

  /** A pod that is gone already is fine. */
  async deletePod({ namespace, name }: ObjectName, gracePeriodSeconds?: number): Promise<void> {
    await find(`deleting pod ${namespace}/${name}`, () =>
      this.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds }),
    );
  }

  /** Creates a ConfigMap, or sets these keys of the one that is there. */
  async writeConfigMap(
    { namespace, name }: ObjectName,
    data: Record<string, string>,
  ): Promise<void> {
    const what = `writing ConfigMap ${namespace}/${name}`;
    const patched = await find(what, () =>
      this.core.patchNamespacedConfigMap(
        { namespace, name, body: { data } },
        this.as("MergePatch"),
      ),
    );
    if (patched !== undefined) return;
    const metadata = { name, labels: { [ownedLabel]: ownedValue } };
    await call(what, () =>
      this.core.createNamespacedConfigMap({ namespace, body: { metadata, data } }),
    );
  }

  async node(name: string): Promise<V1Node | undefined> {
    const node = await this.listedNode(name);
    return node === undefined || isEmptyNode(node) ? undefined : node;
  }

  private async listedNode(name: string): Promise<V1Node | undefined> {
    return find(`reading node ${name}`, () => this.core.readNode({ name }));
  }

  /** Names of the empty Nodes that have a label. */
  async emptyNodes(label: string): Promise<string[]> {
    const listed = await this.listedNodes(label);
    return listed.filter(isEmptyNode).map((node) => nameOf(node).name);
  }

  /** Deletes a Node, provided that it is empty still; one that is gone is fine. */
  async deleteEmptyNode(name: string): Promise<void> {
    const node = await this.listedNode(name);
    if (node === undefined || !isEmptyNode(node)) return;
    const { uid, resourceVersion } = node.metadata ?? {};
    const body = { preconditions: { uid, resourceVersion } };
    await find(`deleting node ${name}`, () => this.core.deleteNode({ name, body }));
  }

  /** All of the operations are applied in one request, or none of them. */
  async patchNode(name: string, body: JsonPatch): Promise<void> {
    await call(`patching node ${name}`, () =>
      this.core.patchNode({ name, body }, this.as("JsonPatch")),
    );
  }

  async nodes(): Promise<V1Node[]> {
    return (await this.listedNodes()).filter((node) => !isEmptyNode(node));
  }

  private listedNodes(labelSelector?: string): Promise<V1Node[]> {
    return listAll("listing nodes", (page) => this.core.listNode({ ...page, labelSelector }));
  }

  /**
   * Sets or, with null, removes annotations and labels of a node.
   *
   * @returns whether the node exists
   */
  async markNode(
    name: string,
    metadata: Partial<Record<"annotations" | "labels", Record<string, string | null>>>,
  ): Promise<boolean> {
    const patched = await find(`marking node ${name}`, () =>
      this.core.patchNode({ name, body: { metadata } }, this.as("MergePatch")),
    );
    return patched !== undefined;
  }

  /** Events about one object, oldest first; none where they cannot be read. */
  async events(namespace: string, uid: string): Promise<CoreV1Event[]> {
    try {
      const list = await this.core.listNamespacedEvent({
        namespace,
        fieldSelector: `involvedObject.uid=${uid}`,
      });
      return list.items.sort((a, b) => eventTime(a) - eventTime(b));
    } catch {
      return [];
    }
  }

  /** A container's log; empty where there is none (yet), or none of a previous run. */
  async log(
    { namespace, name }: ObjectName,
    container: string,
    options: { previous?: boolean } = {},
  ): Promise<string> {
    try {
      return await this.core.readNamespacedPodLog({ namespace, name, container, ...options });
    } catch (error) {
      const code = codeOf(error);
      if (code === 400 || code === 404) return "";
      throw new GateError(
        `Reading the log of pod ${namespace}/${name} failed: ${apiMessage(error)}`,
        [],
        { cause: error },
      );
    }
  }

  /** Runs a command in a container of a pod. */
  async exec(pod: V1Pod, command: string[], options: ExecOptions): Promise<ExecResult> {
    return exec(this.config, pod, command, options);
  }

  /** What says of which kind a patch is. */
  private as(kind: "JsonPatch" | "MergePatch") {
    return this.client.setHeaderOptions("Content-Type", this.client.PatchStrategy[kind]);
  }
}

function eventTime(event: CoreV1Event): number {
  const time = event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp;
  return time === undefined ? 0 : new Date(time).getTime();
}
