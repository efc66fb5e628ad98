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
} from "../../migration/facts/clusterFacts.js";
import {
  firstHost,
  firstIPv4,
  gateNotesName,
  gateNotesSchema,
  objectName,
  recordedKube2iamSchema,
} from "../../migration/facts/clusterValues.js";
import { plainId } from "../../migration/text/digest.js";
import { ec2ProviderId } from "../../migration/facts/hostKeyCommand.js";
import { flagValue, kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import { agentLabels } from "../../migration/kiam/names.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import { avoidsKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { apiMessage, collect, isNotFound, named } from "../kubernetes/api.js";
import { isEmptyNode } from "../kubernetes/emptyNode.js";
import {
  allowedRolesAnnotation,
  permittedAnnotation,
  roleAnnotation,
} from "../../migration/kiam/permitted.js";
import { readIdlePods } from "./idlePods.js";
import type { Settings, Toleration } from "../../migration/settings/schema.js";

/**
 * Reads what the plan and the audit need, but for the workers' rules, which take more than the
 * API (cluster/rules/ruleStates.ts). Changes nothing.
 *
 * @throws Error that names the call where the API refuses or cannot be reached
 */
export async function readClusterFacts(
  config: KubeConfig,
  settings: Pick<Settings, "kube2iam" | "kiam">,
): Promise<ClusterFacts> {
  const { AdmissionregistrationV1Api, AppsV1Api, CoreV1Api, NetworkingV1Api } =
    await import("@kubernetes/client-node");
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  const { namespace, daemonSet } = settings.kube2iam;
  const networking = config.makeApiClient(NetworkingV1Api);
  const live = await readDaemonSet(apps, namespace, daemonSet);
  const [nodes, namespaces, pods, idle, networkPolicies, admission, record, notes] =
    await Promise.all([
      named(
        "listing nodes",
        collect(
          (page) => core.listNode(page),
          // Read all the same: a name that is none says what the API server is worth.
          (node) => [nodeFacts(node)].filter(() => !isEmptyNode(node)),
        ),
      ),
      named(
        "listing namespaces",
        collect(
          (page) => core.listNamespace(page),
          (each) => [namespaceFacts(each)],
        ),
      ),
      named(
        "listing pods",
        collect(
          (page) => core.listPodForAllNamespaces(page),
          (pod) => [
            {
              facts: isFinished(pod) ? [] : [podFacts(pod)],
              ofKube2iam: podOf(live, pod),
              agent: agentOn(pod, settings.kiam.namespace),
            },
          ],
        ),
      ),
      readIdlePods(config),
      named(
        "listing NetworkPolicies",
        collect(
          (page) =>
            networking.listNamespacedNetworkPolicy({ namespace: settings.kiam.namespace, ...page }),
          (policy) => [networkPolicyFacts(policy)],
        ),
      ),
      named(
        "listing what admissionregistration.k8s.io/v1 has",
        config.makeApiClient(AdmissionregistrationV1Api).getAPIResources(),
      ),
      readConfigMap(core, settings.kiam.namespace, recordName),
      readConfigMap(core, settings.kiam.namespace, gateNotesName),
    ]);
  const agents = pods.flatMap(({ agent }) => agent);
  const staying = agents.filter(({ stays }) => stays);
  return {
    nodes,
    namespaces,
    pods: [...pods.flatMap(({ facts }) => facts), ...idle],
    kube2iam:
      live === undefined
        ? undefined
        : kube2iamFacts(
            live,
            pods.flatMap(({ ofKube2iam }) => ofKube2iam),
          ),
    recorded: recordedKube2iam(settings.kiam.namespace, record[recordKey], live !== undefined),
    notes: gateNotesSchema.parse(notes),
    agents: staying.map(({ node }) => node),
    // Of two on one node, the one that stays counts.
    agentPorts: Object.fromEntries(
      [...agents, ...staying].map(({ node, port }): [string, string] => [node, port]),
    ),
    rules: {},
    networkPolicies,
    certificates: [],
    admissionPolicies: admission.resources.some(
      ({ name }) => name === "validatingadmissionpolicies",
    ),
    observedAt: new Date().toISOString(),
    overSsh: undefined,
    kube2iamLog: undefined,
    iam: undefined,
  };
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

/** @param live whether kube2iam runs: then its own flags count, and the record is made anew */
function recordedKube2iam(
  namespace: string,
  text: string | undefined,
  live: boolean,
): ClusterFacts["recorded"] {
  if (text === undefined) return undefined;
  try {
    return recordedKube2iamSchema.parse(JSON.parse(text));
  } catch (error) {
    if (live) return undefined;
    throw new Error(
      `ConfigMap ${namespace}/${recordName}, key ${recordKey}, does not hold what this program writes there (port, interface and baseRoleArn of kube2iam). ` +
        "kube2iam is gone, so that nothing else tells what its rule was, and nothing was done. " +
        `Write it as it was, such as {"port":8181,"interface":"cni0","baseRoleArn":"arn:aws:iam::123456789012:role/"}`,
      { cause: error },
    );
  }
}

/** A node as the API has it. */
export function nodeFacts(node: V1Node): NodeFacts {
  const addresses = (type: string) =>
    (node.status?.addresses ?? []).flatMap((each) => (each.type === type ? [each.address] : []));
  return {
    name: objectName("node", node.metadata?.name),
    uid: plainId(node.metadata?.uid),
    labels: node.metadata?.labels ?? {},
    taints: (node.spec?.taints ?? []).map(({ key, value, effect }) => ({ key, value, effect })),
    internalIp: firstIPv4(addresses("InternalIP")),
    externalIp: firstHost(addresses("ExternalIP")),
    hostname: firstHost(addresses("Hostname")),
    providerId: ec2ProviderId(node.spec?.providerID),
    ready:
      node.status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") ??
      false,
    leaving: node.metadata?.deletionTimestamp !== undefined,
    bootId: plainId(node.status?.nodeInfo?.bootID),
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
    name: objectName("namespace", namespace.metadata?.name),
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

/** A pod as the API has it. */
export function podFacts(pod: V1Pod): PodFacts {
  return {
    namespace: objectName("namespace", pod.metadata?.namespace),
    name: objectName("pod", pod.metadata?.name),
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
    name: objectName("NetworkPolicy", metadata?.name),
    podSelector: spec?.podSelector ?? {},
    ingress: types.includes("Ingress") ? (spec?.ingress ?? []) : undefined,
  };
}

/** Where a pod of kiam's agent is, on which port it listens, and whether it stays. */
interface AgentPod {
  node: string;
  port: string;
  stays: boolean;
}

/** That of a pod, if it is one of kiam's agents and has a node; else nothing. */
export function agentOn({ metadata, spec }: V1Pod, namespace: string): AgentPod[] {
  const own =
    metadata?.namespace === namespace &&
    Object.entries(agentLabels).every(([label, value]) => metadata.labels?.[label] === value);
  if (!own || spec?.nodeName === undefined) return [];
  return [
    {
      node: spec.nodeName,
      port: flagValue(kube2iamCommandLine(spec), "port") ?? "",
      stays: metadata.deletionTimestamp === undefined,
    },
  ];
}

type Kube2iamPod = Kube2iamFacts["pods"][string] & { node: string };

/** What there is to know of a pod if it is one of the DaemonSet's, runs, and stays. */
function podOf(
  daemonSet: V1DaemonSet | undefined,
  { metadata, spec, status }: V1Pod,
): Kube2iamPod[] {
  const uid = daemonSet?.metadata?.uid;
  const own = metadata?.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
  if (uid === undefined || !own || metadata?.deletionTimestamp !== undefined) return [];
  if (spec?.nodeName === undefined) return [];
  const ready = status?.conditions?.some((each) => each.type === "Ready" && each.status === "True");
  return [{ node: spec.nodeName, uid: plainId(metadata?.uid), ready: ready ?? false }];
}

function kube2iamFacts(daemonSet: V1DaemonSet, pods: readonly Kube2iamPod[]): Kube2iamFacts {
  const spec = daemonSet.spec?.template.spec;
  return {
    namespace: daemonSet.metadata?.namespace ?? "",
    daemonSet: daemonSet.metadata?.name ?? "",
    image: spec?.containers[0]?.image ?? "",
    commandLine: kube2iamCommandLine(spec),
    preStop: dangerousHooks(spec),
    tolerations: (spec?.tolerations ?? []) as Toleration[],
    avoidsKiamOnly: avoidsKiamOnly(spec?.affinity),
    pods: Object.fromEntries(pods.map(({ node, uid, ready }) => [node, { uid, ready }])),
  };
}
