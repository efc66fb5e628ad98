/*
 * What the migration has to know of a live cluster, read-only. Plain data: cluster/facts/ reads it,
 * migration/plan/ and migration/audit/ decide by it.
 */

import type {
  V1LabelSelector as LabelSelector,
  V1NetworkPolicyIngressRule,
} from "@kubernetes/client-node";

import type { PreStopHook } from "../kube2iam/preStop.js";
import type { GateNotes, RecordedKube2iam } from "./clusterValues.js";
import type { IamFacts } from "./iamFacts.js";
import type { Kube2iamLogFacts } from "../kube2iam/log.js";
import type { WorkerLook } from "./workerLook.js";
import type { RuleState } from "../rules/deviation.js";
import type { Toleration } from "../settings/schema.js";

export interface ClusterFacts {
  nodes: NodeFacts[];
  namespaces: NamespaceFacts[];
  /** Those that are there, and those that idle workloads will have (cluster/facts/idlePods.ts). */
  pods: PodFacts[];
  /** kube2iam's DaemonSet; undefined where there is none (any more). */
  kube2iam: Kube2iamFacts | undefined;
  /** What an earlier run saw of kube2iam, kept in kiam's namespace; undefined before stage prepare. */
  recorded: RecordedKube2iam | undefined;
  /** What gates of earlier updates noted in kiam's namespace. */
  notes: GateNotes;
  /** Names of the nodes with a pod of kiam's agent. Pods that are being deleted do not count. */
  agents: string[];
  /**
   * What --port of the agent says, by node name, as it stands there; empty where it has no such
   * flag. Pods that are being deleted count: a node that is not Ready keeps one, and its rule. Only
   * to be compared and shown.
   */
  agentPorts: Record<string, string>;
  /** Rules of the nodes that run an agent, by node name; empty where it was not looked at. */
  rules: Record<string, RuleState>;
  /** NetworkPolicies in kiam's namespace. */
  networkPolicies: NetworkPolicyFacts[];
  /** Certificates of kiam's server and agent in its namespace; those that exist. */
  certificates: CertificateFacts[];
  /** Whether the API server has ValidatingAdmissionPolicies, as it does from Kubernetes 1.30 on. */
  admissionPolicies: boolean;
  /** When all this was read, ISO 8601. */
  observedAt: string;
  /** What each worker showed over SSH, by node name; undefined where it was not looked at. */
  overSsh: Record<string, WorkerLook> | undefined;
  /** What kube2iam's log tells of what pods ask for; undefined where it was not looked at. */
  kube2iamLog: Kube2iamLogFacts | undefined;
  /** Roles and their policies; undefined where it was not looked at. */
  iam: IamFacts | undefined;
}

export interface NodeFacts {
  name: string;
  /** Another one where a node was replaced under its name. */
  uid: string;
  labels: Record<string, string>;
  taints: Taint[];
  internalIp: string | undefined;
  externalIp: string | undefined;
  hostname: string | undefined;
  /** The EC2 instance, such as `aws:///eu-west-1a/i-0123456789abcdef0`; undefined where it is none. */
  providerId: string | undefined;
  ready: boolean;
  /** Whether it is being deleted from the cluster. */
  leaving: boolean;
  /** Changes with every boot; a rebooted worker has kube2iam's rule again. */
  bootId: string;
  osImage: string;
  /** The node's record of its cutover, as it stands there; see cutoverRecord.ts. */
  cutoverAnnotation: string | undefined;
}

export interface Taint {
  key: string;
  value: string | undefined;
  effect: string;
}

export interface NamespaceFacts {
  name: string;
  labels: Record<string, string>;
  /** Whether this program created it. */
  owned: boolean;
  /** Value of iam.amazonaws.com/permitted. */
  permitted: string | undefined;
  /** Field managers that own that annotation, such as `helm` or `kubectl-client-side-apply`. */
  permittedManagers: string[];
  /** Value of kube2iam's iam.amazonaws.com/allowed-roles. */
  allowedRoles: string | undefined;
}

export interface PodFacts {
  namespace: string;
  name: string;
  node: string | undefined;
  /** Its address; that of its node on the host's network; undefined before it has one. */
  ip: string | undefined;
  /** Value of iam.amazonaws.com/role. */
  role: string | undefined;
  hostNetwork: boolean;
  phase: string;
  /** Ports that it takes on its node. */
  hostPorts: number[];
  /** Kind of what controls it, such as `DaemonSet` or `Job`. */
  controller: string | undefined;
}

export interface Kube2iamFacts {
  namespace: string;
  daemonSet: string;
  /** Image of its first container. */
  image: string;
  /** The container's command line: command and args. */
  commandLine: string[];
  /** Its preStop hooks that may also delete kiam's rule; see kube2iam/preStop.ts. */
  preStop: PreStopHook[];
  /** Taints that its pods tolerate. */
  tolerations: Toleration[];
  /** Whether its node affinity keeps it off nodes with the label {@link kiamOnlyKey}. */
  avoidsKiamOnly: boolean;
  /** kube2iam's pod on each node it runs on: node name → pod. */
  pods: Record<string, { uid: string; ready: boolean }>;
}

/** A NetworkPolicy, as far as it can keep agents from the server. */
export interface NetworkPolicyFacts {
  name: string;
  /** Pods it is for. */
  podSelector: LabelSelector;
  /** Ingress rules; undefined where it is not about ingress. */
  ingress: V1NetworkPolicyIngressRule[] | undefined;
}

/** What a secret with a certificate for kiam holds. */
export type CertificateFacts = {
  /** Name of the secret. */
  secret: string;
} & (
  | {
      /** From when the certificate is valid, ISO 8601. */
      notBefore: string;
      /** Until when it and its CA are valid, ISO 8601. */
      notAfter: string;
    }
  /** Why it is of no use. */
  | { invalid: string }
  /** The API's refusal to show it. */
  | { unread: string }
);

/** Name of the ConfigMap in kiam's namespace that keeps RecordedKube2iam. */
export const recordName = "kube2iam-to-kiam";

/** Key in that ConfigMap. */
export const recordKey = "kube2iam.json";

/** Label of what this program creates for itself. */
export const ownedLabel = "app.kubernetes.io/managed-by";
export const ownedValue = "kube2iam-to-kiam";

/** Annotation in which a node keeps the record of its cutover; see cutoverRecord.ts. */
export const cutoverAnnotation = "kube2iam-to-kiam/cutover";

/** Label that stands for a worker in the stack's state. Nothing finds nodes by it. */
export const workerLabel = "kube2iam-to-kiam/worker";

/** Label or taint of nodes that are born without kube2iam; see the setting newNodes.keepKube2iamOff. */
export const kiamOnlyKey = "kube2iam-to-kiam/kiam-only";
export const kiamOnlyTaint = { key: kiamOnlyKey, value: "true", effect: "NoSchedule" };

/** Taint with which nodes register until kiam's agent is ready there; see newNodes.startupTaint. */
export const agentNotReadyTaint = {
  key: "kube2iam-to-kiam/agent-not-ready",
  value: "true",
  effect: "NoSchedule",
};
