import type {
  CoreV1Api,
  AppsV1Api,
  KubeConfig,
  V1DaemonSet,
  V1Namespace,
  V1NetworkPolicy,
  V1Node,
  V1Pod,
} from "@kubernetes/client-node";

import {
  cutoverAnnotation,
  ownedLabel,
  ownedValue,
  recordKey,
  recordName,
  type ClusterFacts,
  type Kube2iamFacts,
  type NamespaceFacts,
  type NetworkPolicyFacts,
  type NodeFacts,
  type PodFacts,
  type RecordedKube2iam,
} from "./clusterFacts.js";
import { gateNotesName } from "./gateNotes.js";
import { kube2iamCommandLine } from "./kube2iamFlags.js";
import { dangerousHooks } from "./kube2iamPreStop.js";
import { avoidsKiamOnly } from "./kiamOnlyAffinity.js";
import { apiMessage, isNotFound, listAll } from "./kubernetesApi.js";
import { allowedRolesAnnotation, permittedAnnotation, roleAnnotation } from "./permitted.js";
import type { Settings, Toleration } from "./settings.js";

/**
 * Reads what the plan and the audit need, but for the workers' rules, which take more than the
 * API (gates/ruleStates.ts). Changes nothing.
 *
 * @throws Error that names the call where the API refuses or cannot be reached
 */
export async function readClusterFacts(
  config: KubeConfig,
  settings: Pick<Settings, "kube2iam" | "kiam">,
): Promise<ClusterFacts> {
  const { AppsV1Api, CoreV1Api, NetworkingV1Api } = await import("@kubernetes/client-node");
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  const { namespace, daemonSet } = settings.kube2iam;
  const networking = config.makeApiClient(NetworkingV1Api);
  const [nodes, namespaces, pods, policies, live, record, notes] = await Promise.all([
    named(
      "listing nodes",
      listAll((page) => core.listNode(page)),
    ),
    named(
      "listing namespaces",
      listAll((page) => core.listNamespace(page)),
    ),
    named(
      "listing pods",
      listAll((page) => core.listPodForAllNamespaces(page)),
    ),
    named(
      "listing NetworkPolicies",
      listAll((page) =>
        networking.listNamespacedNetworkPolicy({ namespace: settings.kiam.namespace, ...page }),
      ),
    ),
    readDaemonSet(apps, namespace, daemonSet),
    readConfigMap(core, settings.kiam.namespace, recordName),
    readConfigMap(core, settings.kiam.namespace, gateNotesName),
  ]);
  return {
    nodes: nodes.map(nodeFacts),
    namespaces: namespaces.map(namespaceFacts),
    pods: pods.filter((pod) => !isFinished(pod)).map(podFacts),
    kube2iam: live === undefined ? undefined : kube2iamFacts(live, pods),
    recorded:
      record[recordKey] === undefined
        ? undefined
        : (JSON.parse(record[recordKey]) as RecordedKube2iam),
    notes,
    rules: {},
    networkPolicies: policies.map(networkPolicyFacts),
    certificates: [],
    observedAt: new Date().toISOString(),
    overSsh: undefined,
    kube2iamLog: undefined,
    iam: undefined,
  };
}

async function named<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new Error(`Could not read the cluster (${what}): ${apiMessage(error)}`, { cause: error });
  }
}

async function readDaemonSet(
  apps: AppsV1Api,
  namespace: string,
  name: string,
): Promise<V1DaemonSet | undefined> {
  try {
    return await apps.readNamespacedDaemonSet({ namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw new Error(`Could not read DaemonSet ${namespace}/${name}: ${apiMessage(error)}`, {
      cause: error,
    });
  }
}

/** What a ConfigMap holds; nothing where it does not exist (yet). */
async function readConfigMap(
  core: CoreV1Api,
  namespace: string,
  name: string,
): Promise<Partial<Record<string, string>>> {
  try {
    return (await core.readNamespacedConfigMap({ namespace, name })).data ?? {};
  } catch (error) {
    if (isNotFound(error)) return {};
    throw new Error(`Could not read ConfigMap ${namespace}/${name}: ${apiMessage(error)}`, {
      cause: error,
    });
  }
}

function nodeFacts(node: V1Node): NodeFacts {
  const address = (type: string) =>
    node.status?.addresses?.find((each) => each.type === type)?.address;
  return {
    name: node.metadata?.name ?? "",
    labels: node.metadata?.labels ?? {},
    taints: (node.spec?.taints ?? []).map(({ key, value, effect }) => ({ key, value, effect })),
    internalIp: address("InternalIP"),
    externalIp: address("ExternalIP"),
    hostname: address("Hostname"),
    ready:
      node.status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") ??
      false,
    bootId: node.status?.nodeInfo?.bootID ?? "",
    osImage: node.status?.nodeInfo?.osImage ?? "",
    cutoverAnnotation: node.metadata?.annotations?.[cutoverAnnotation],
  };
}

function namespaceFacts(namespace: V1Namespace): NamespaceFacts {
  const field = `f:${permittedAnnotation}`;
  const managers = (namespace.metadata?.managedFields ?? [])
    .filter((entry) => JSON.stringify(entry.fieldsV1 ?? {}).includes(`"${field}"`))
    .map((entry) => entry.manager ?? "unknown");
  return {
    name: namespace.metadata?.name ?? "",
    labels: namespace.metadata?.labels ?? {},
    owned: namespace.metadata?.labels?.[ownedLabel] === ownedValue,
    permitted: namespace.metadata?.annotations?.[permittedAnnotation],
    permittedManagers: [...new Set(managers)],
    allowedRoles: namespace.metadata?.annotations?.[allowedRolesAnnotation],
  };
}

function isFinished(pod: V1Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

function podFacts(pod: V1Pod): PodFacts {
  return {
    namespace: pod.metadata?.namespace ?? "",
    name: pod.metadata?.name ?? "",
    node: pod.spec?.nodeName,
    ip: pod.status?.podIP,
    role: pod.metadata?.annotations?.[roleAnnotation],
    hostNetwork: pod.spec?.hostNetwork ?? false,
    phase: pod.status?.phase ?? "Unknown",
    hostPorts: hostPorts(pod),
    controller: pod.metadata?.ownerReferences?.find((owner) => owner.controller)?.kind,
  };
}

function hostPorts({ spec }: V1Pod): number[] {
  return (spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports.flatMap(({ containerPort, hostPort }) =>
      spec?.hostNetwork === true ? [containerPort] : hostPort === undefined ? [] : [hostPort],
    ),
  );
}

function networkPolicyFacts({ metadata, spec }: V1NetworkPolicy): NetworkPolicyFacts {
  // Without policyTypes a policy is about ingress.
  const types = spec?.policyTypes ?? ["Ingress"];
  return {
    name: metadata?.name ?? "",
    podSelector: spec?.podSelector ?? {},
    ingress: types.includes("Ingress") ? (spec?.ingress ?? []) : undefined,
  };
}

function kube2iamFacts(daemonSet: V1DaemonSet, pods: V1Pod[]): Kube2iamFacts {
  const spec = daemonSet.spec?.template.spec;
  const own = pods.filter(
    (pod) =>
      pod.metadata?.deletionTimestamp === undefined &&
      pod.metadata?.ownerReferences?.some((owner) => owner.uid === daemonSet.metadata?.uid),
  );
  return {
    namespace: daemonSet.metadata?.namespace ?? "",
    daemonSet: daemonSet.metadata?.name ?? "",
    image: spec?.containers[0]?.image ?? "",
    commandLine: kube2iamCommandLine(spec),
    preStop: dangerousHooks(spec),
    tolerations: (spec?.tolerations ?? []) as Toleration[],
    avoidsKiamOnly: avoidsKiamOnly(spec?.affinity),
    pods: Object.fromEntries(
      own.flatMap((pod) => {
        const ready = pod.status?.conditions?.some(
          (each) => each.type === "Ready" && each.status === "True",
        );
        const node = pod.spec?.nodeName;
        return node === undefined
          ? []
          : [[node, { uid: pod.metadata?.uid ?? "", ready: ready ?? false }]];
      }),
    ),
  };
}
