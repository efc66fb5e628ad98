import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import type { GateInput } from "../../gates/protocol/inputs.js";
import { agentlessLabels, masterLabels } from "../../migration/situation/nodeSelection.js";
import type { PlannedProbe } from "../../migration/plan/plan.js";
import type { Settings } from "../../migration/settings/schema.js";
import { gate, whileHeld, type ForwardContext } from "../gate.js";
import {
  confined,
  kiamDaemonSet,
  tlsFlags,
  tlsVolume,
  tlsVolumeMount,
  toListenOn,
} from "../server/kiamDaemonSet.js";
import { kiamNames } from "../../migration/kiam/names.js";

export interface KiamAgentArgs extends ForwardContext {
  kiam: Settings["kiam"];
  workers: Settings["workers"];
  /** Interface of the agent's rule (--host-interface). */
  interface: string;
  tlsSecretName: pulumi.Input<string>;
  probe: PlannedProbe;
}

/**
 * kiam's agent on every worker, and the gate behind it: rolled out everywhere, deep health, clean
 * logs, its rule in place.
 *
 * It runs with --no-iptables-remove from the start. With the default, an agent that restarts
 * after the cutover takes its rule away for as long as it is gone, and pods are handed the node's
 * own role [kiam#202, #253]; changing the flag later would itself restart agents. On the way back
 * the rule is therefore removed explicitly, see fallback in singleGates.ts.
 */
export class KiamAgent extends pulumi.ComponentResource {
  constructor(name: string, args: KiamAgentArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:KiamAgent", name, {}, opts);
    const daemonSet = kiamDaemonSet(name, "agent", agentPodSpec(args), args, this, {
      undo: "clear-agent",
      input: { probe: args.probe, selection: selectionOf(args) },
    });
    gate(
      `${name}-verified`,
      {
        verb: "verify-agent",
        // A changed DaemonSet has to be verified anew.
        input: { target: args.target, revision: daemonSet.metadata.generation },
        toolDirectory: args.toolDirectory,
      },
      { parent: this, dependsOn: [daemonSet], ...whileHeld(args.goesBack) },
    );
    this.registerOutputs({});
  }
}

/** What tells the nodes with an agent, for when there is no DaemonSet any more that does. */
function selectionOf({
  workers,
  kiam,
}: Pick<KiamAgentArgs, "workers" | "kiam">): GateInput<"clear-agent">["selection"] {
  return {
    workers: { selector: workers.selector, list: workers.list?.map(({ name }) => ({ name })) },
    kiam: { serverNodeSelector: kiam.serverNodeSelector },
  };
}

/**
 * To change nat rules: kiam's own, and those that gates change by worker/rules/ in the
 * agent's pod. iptables-legacy speaks to the kernel through a raw socket.
 */
export const ruleCapabilities: readonly string[] = ["NET_ADMIN", "NET_RAW"];

function agentPodSpec(args: KiamAgentArgs): k8s.types.input.core.v1.PodSpec {
  const { kiam } = args;
  return {
    serviceAccountName: kiamNames.agent,
    hostNetwork: true,
    dnsPolicy: "ClusterFirstWithHostNet",
    priorityClassName: "system-node-critical",
    ...agentPlacement(args.workers, kiam.serverNodeSelector),
    // A worker without an agent would be left behind, whatever its taints are for.
    tolerations: [{ operator: "Exists" }],
    containers: [
      {
        name: "kiam",
        image: kiam.image,
        imagePullPolicy: "IfNotPresent",
        command: ["/kiam", "agent"],
        args: [
          "--iptables",
          "--no-iptables-remove",
          `--host-interface=${args.interface}`,
          "--json-log",
          `--level=${kiam.logLevel}`,
          `--port=${kiam.agentPort}`,
          ...tlsFlags,
          `--server-address=${kiamNames.server}:${kiam.serverPort}`,
          // The default of one second is too short for real DNS [kiam#358].
          "--gateway-timeout-creation=30s",
          ...kiam.extraArgs.agent,
        ],
        env: [{ name: "HOST_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
        resources: kiam.resources.agent,
        securityContext: confined([...ruleCapabilities, ...toListenOn(kiam.agentPort)]),
        readinessProbe: {
          httpGet: { path: "/health?deep=1", port: kiam.agentPort },
          periodSeconds: 5,
          timeoutSeconds: 5,
        },
        // Shallow on purpose: when the servers are down, restarting agents makes it worse.
        livenessProbe: {
          httpGet: { path: "/ping", port: kiam.agentPort },
          initialDelaySeconds: 10,
          periodSeconds: 5,
          timeoutSeconds: 5,
          failureThreshold: 6,
        },
        volumeMounts: [tlsVolumeMount, { name: "xtables", mountPath: "/run/xtables.lock" }],
      },
    ],
    volumes: [
      tlsVolume(args.tlsSecretName),
      { name: "xtables", hostPath: { path: "/run/xtables.lock", type: "FileOrCreate" } },
    ],
  };
}

/** The same nodes that migration/situation/nodeSelection.ts calls workers. */
function agentPlacement(
  workers: Settings["workers"],
  serverNodeSelector: Record<string, string> | undefined,
): Partial<k8s.types.input.core.v1.PodSpec> {
  if (workers.selector !== undefined) return { nodeSelector: workers.selector };
  const nodeSelectorTerms =
    workers.list !== undefined
      ? [{ matchExpressions: [hostnameIn(workers.list.map((worker) => worker.name))] }]
      : notServers(serverNodeSelector);
  return {
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
    },
  };
}

function hostnameIn(values: string[]) {
  return { key: "kubernetes.io/hostname", operator: "In", values };
}

function notServers(serverNodeSelector: Record<string, string> | undefined) {
  const fit = [
    ...masterLabels.map((key) => ({ key, operator: "DoesNotExist" })),
    ...Object.entries(agentlessLabels).map(([key, value]) => ({
      key,
      operator: "NotIn",
      values: [value],
    })),
  ];
  if (serverNodeSelector === undefined) return [{ matchExpressions: fit }];
  // Terms are alternatives: a node that lacks any one of the labels does not match the selector.
  return Object.entries(serverNodeSelector).map(([key, value]) => ({
    matchExpressions: [...fit, { key, operator: "NotIn", values: [value] }],
  }));
}
