/* What the API's objects are as facts, one by one. Reading them: readCluster.ts. */
import type {
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
  type Kube2iamFacts,
  type NamespaceFacts,
  type NetworkPolicyFacts,
  type NodeFacts,
  type PodFacts,
} from "../../migration/facts/clusterFacts.js";
import { firstHost, firstIPv4, objectName } from "../../migration/facts/clusterValues.js";
import { ec2ProviderId } from "../../migration/facts/hostKeyCommand.js";
import { avoidsKiamOnly } from "../../migration/kiam/kiamOnlyAffinity.js";
import { agentLabels } from "../../migration/kiam/names.js";
import {
  allowedRolesAnnotation,
  permittedAnnotation,
  roleAnnotation,
} from "../../migration/kiam/permitted.js";
import { flagValue, kube2iamCommandLine } from "../../migration/kube2iam/flags.js";
import { dangerousHooks } from "../../migration/kube2iam/preStop.js";
import type { Toleration } from "../../migration/settings/schema.js";
import { plainId } from "../../migration/text/digest.js";
import { saysReady } from "../kubernetes/objects.js";

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
    ready: saysReady(node.status),
    leaving: node.metadata?.deletionTimestamp !== undefined,
    bootId: plainId(node.status?.nodeInfo?.bootID),
    osImage: node.status?.nodeInfo?.osImage ?? "",
    cutoverAnnotation: node.metadata?.annotations?.[cutoverAnnotation],
  };
}

export function namespaceFacts(namespace: V1Namespace): NamespaceFacts {
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

export function networkPolicyFacts({ metadata, spec }: V1NetworkPolicy): NetworkPolicyFacts {
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
export function kube2iamPodOf(
  daemonSet: V1DaemonSet | undefined,
  { metadata, spec, status }: V1Pod,
): Kube2iamPod[] {
  const uid = daemonSet?.metadata?.uid;
  const own = metadata?.ownerReferences?.some((owner) => owner.uid === uid) ?? false;
  if (uid === undefined || !own || metadata?.deletionTimestamp !== undefined) return [];
  if (spec?.nodeName === undefined) return [];
  return [{ node: spec.nodeName, uid: plainId(metadata?.uid), ready: saysReady(status) }];
}

export function kube2iamFacts(daemonSet: V1DaemonSet, pods: readonly Kube2iamPod[]): Kube2iamFacts {
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
