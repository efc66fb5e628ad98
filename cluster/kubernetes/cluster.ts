import type {
  AppsV1Api,
  CoreV1Api,
  CoreV1Event,
  KubeConfig,
  KubernetesObject,
  KubernetesObjectApi,
  V1DaemonSet,
  V1LabelSelector,
  V1Node,
  V1Pod,
} from "@kubernetes/client-node";
import pRetry from "p-retry";

import { ownedLabel, ownedValue } from "../../migration/facts/clusterFacts.js";
import { apiMessage, isNotFound, kubeConfig, listAll } from "./api.js";
import { messageOf } from "../../migration/text/text.js";
import { exec, type ExecOptions, type ExecResult } from "./exec.js";
import { isEmptyNode } from "./emptyNode.js";
import { PodChanges } from "./podChanges.js";
import { GateError } from "../../migration/text/problem.js";

/** The namespace and name of an object. */
export interface ObjectName {
  namespace: string;
  name: string;
}

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
    private readonly config: KubeConfig,
    readonly core: CoreV1Api,
    readonly apps: AppsV1Api,
    private readonly objects: KubernetesObjectApi,
  ) {}

  /** By KUBECONFIG, ~/.kube/config or in-cluster; `context` picks another than the current one. */
  static async connect({ context }: { context?: string }): Promise<Cluster> {
    const { AppsV1Api, CoreV1Api, KubernetesObjectApi } = await import("@kubernetes/client-node");
    let config: KubeConfig;
    try {
      config = await kubeConfig(context);
    } catch (error) {
      throw new GateError(messageOf(error));
    }
    return new Cluster(
      config,
      config.makeApiClient(CoreV1Api),
      config.makeApiClient(AppsV1Api),
      KubernetesObjectApi.makeApiClient(config),
    );
  }

  /** An object of any kind. */
  async object<T extends KubernetesObject>(
    kind: Pick<T, "apiVersion" | "kind">,
    name: { namespace?: string; name: string },
  ): Promise<T | undefined> {
    return orUndefined(
      call(`reading ${kind.kind} ${pathOf(name)}`, () =>
        this.objects.read<T>({ ...kind, metadata: name }),
      ),
    );
  }

  /** Every object of a kind, in all namespaces where it has any. */
  async objectsOf<T extends KubernetesObject>(apiVersion: string, kind: string): Promise<T[]> {
    const items = await listAll(({ limit, _continue }) =>
      call(`listing ${kind}s`, () =>
        this.objects.list<T>(
          ...([apiVersion, kind, undefined, undefined, undefined, undefined] as const),
          ...([undefined, undefined, limit, _continue] as const),
        ),
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
    return orUndefined(
      call(`reading DaemonSet ${namespace}/${name}`, () =>
        this.apps.readNamespacedDaemonSet({ namespace, name }),
      ),
    );
  }

  /** All of the operations are applied in one request, or none of them. */
  async patchDaemonSet({ namespace, name }: ObjectName, body: JsonPatch): Promise<V1DaemonSet> {
    const { PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
    return call(`patching DaemonSet ${namespace}/${name}`, () =>
      this.apps.patchNamespacedDaemonSet(
        { namespace, name, body },
        setHeaderOptions("Content-Type", PatchStrategy.JsonPatch),
      ),
    );
  }

  /** Its pods go on running, without an owner. One that is gone already is fine. */
  async deleteDaemonSet({ namespace, name }: ObjectName): Promise<void> {
    await orUndefined(
      call(`deleting DaemonSet ${namespace}/${name}`, () =>
        this.apps.deleteNamespacedDaemonSet({ namespace, name, propagationPolicy: "Orphan" }),
      ),
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
      await orUndefined(
        call(`deleting ControllerRevision ${namespace}/${name}`, () =>
          this.apps.deleteNamespacedControllerRevision({ namespace, name }),
        ),
      );
    }
  }

  /** The pods that a DaemonSet controls, those that are being deleted included. */
  async podsOf(daemonSet: V1DaemonSet): Promise<V1Pod[]> {
    const namespace = daemonSet.metadata?.namespace ?? "";
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
    return listAll((page) =>
      call("listing pods", () => this.core.listPodForAllNamespaces({ ...page, fieldSelector })),
    );
  }

  async pod({ namespace, name }: ObjectName): Promise<V1Pod | undefined> {
    return orUndefined(
      call(`reading pod ${namespace}/${name}`, () =>
        this.core.readNamespacedPod({ namespace, name }),
      ),
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
    await orUndefined(
      call(`deleting pod ${namespace}/${name}`, () =>
        this.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds }),
      ),
    );
  }

  /** Creates a ConfigMap, or sets these keys of the one that is there. */
  async writeConfigMap(
    { namespace, name }: ObjectName,
    data: Record<string, string>,
  ): Promise<void> {
    const { PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
    const what = `writing ConfigMap ${namespace}/${name}`;
    const patched = await orUndefined(
      call(what, () =>
        this.core.patchNamespacedConfigMap(
          { namespace, name, body: { data } },
          setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        ),
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
    return orUndefined(call(`reading node ${name}`, () => this.core.readNode({ name })));
  }

  /** Names of the empty Nodes that have a label. */
  async emptyNodes(label: string): Promise<string[]> {
    const listed = await listAll((page) =>
      call("listing nodes", () => this.core.listNode({ ...page, labelSelector: label })),
    );
    return listed.filter(isEmptyNode).map((node) => nameOf(node).name);
  }

  /** Deletes a Node, provided that it is empty still; one that is gone is fine. */
  async deleteEmptyNode(name: string): Promise<void> {
    const node = await this.listedNode(name);
    if (node === undefined || !isEmptyNode(node)) return;
    const { uid, resourceVersion } = node.metadata ?? {};
    const body = { preconditions: { uid, resourceVersion } };
    await orUndefined(call(`deleting node ${name}`, () => this.core.deleteNode({ name, body })));
  }

  /** All of the operations are applied in one request, or none of them. */
  async patchNode(name: string, body: JsonPatch): Promise<void> {
    const { PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
    await call(`patching node ${name}`, () =>
      this.core.patchNode(
        { name, body },
        setHeaderOptions("Content-Type", PatchStrategy.JsonPatch),
      ),
    );
  }

  async nodes(): Promise<V1Node[]> {
    const listed = await listAll((page) => call("listing nodes", () => this.core.listNode(page)));
    return listed.filter((node) => !isEmptyNode(node));
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
    const { PatchStrategy, setHeaderOptions } = await import("@kubernetes/client-node");
    const patched = await orUndefined(
      call(`marking node ${name}`, () =>
        this.core.patchNode(
          { name, body: { metadata } },
          setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        ),
      ),
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
}

/** Namespace and name of an object of the client. */
export function nameOf(object: { metadata?: { namespace?: string; name?: string } }): ObjectName {
  return { namespace: object.metadata?.namespace ?? "", name: object.metadata?.name ?? "" };
}

export function isReady(pod: V1Pod): boolean {
  return (
    pod.metadata?.deletionTimestamp === undefined &&
    pod.status?.phase === "Running" &&
    (pod.status.conditions?.some((each) => each.type === "Ready" && each.status === "True") ??
      false)
  );
}

/** A label selector as list calls take it. */
export function selectorText({
  matchLabels = {},
  matchExpressions = [],
}: V1LabelSelector = {}): string {
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    switch (operator) {
      case "Exists":
        return key;
      case "DoesNotExist":
        return `!${key}`;
      default:
        return `${key} ${operator.toLowerCase()} (${values.join(",")})`;
    }
  });
  return [
    ...Object.entries(matchLabels).map(([label, value]) => `${label}=${value}`),
    ...expressions,
  ].join(",");
}

/** Pod, with the node it is on, for messages. */
export function describePod(pod: V1Pod): string {
  const { namespace, name } = nameOf(pod);
  return `pod ${namespace}/${name}${pod.spec?.nodeName ? ` on ${pod.spec.nodeName}` : ""}`;
}

function pathOf({ namespace, name }: { namespace?: string; name: string }): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

async function call<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await pRetry(request, {
      retries: 4,
      minTimeout: 300,
      maxTimeout: 3000,
      // The API server's own "no" stays one; a refused connection, 429 and 5xx may pass.
      shouldRetry: ({ error }) => {
        const code = codeOf(error);
        return code === undefined || code === 429 || code >= 500;
      },
    });
  } catch (error) {
    if (isNotFound(error)) throw error;
    throw new ClusterError(`${capitalised(what)} failed: ${apiMessage(error)}`, codeOf(error), {
      cause: error,
    });
  }
}

/** An answer of the API server that is a refusal, or none at all (`code` undefined). */
export class ClusterError extends GateError {
  constructor(
    finding: string,
    readonly code: number | undefined,
    options: ErrorOptions,
  ) {
    super(finding, [], options);
  }
}

async function orUndefined<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): number | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : "";
  return typeof code === "number" ? code : undefined;
}

function eventTime(event: CoreV1Event): number {
  const time = event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp;
  return time === undefined ? 0 : new Date(time).getTime();
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
