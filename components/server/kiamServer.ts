import type * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { masterLabels } from "../../migration/situation/nodeSelection.js";
import type { Settings } from "../../migration/settings/schema.js";
import { gate, whileHeld, type ForwardContext } from "../gate.js";
import {
  confined,
  kiamDaemonSet,
  tlsFlags,
  tlsVolume,
  tlsVolumeMount,
  toListenOn,
} from "./kiamDaemonSet.js";
import { kiamNames } from "../../migration/kiam/names.js";

export interface KiamServerArgs extends ForwardContext {
  kiam: Settings["kiam"];
  roleBaseArn: string;
  /** Role the server assumes before all others (--assume-role-arn). */
  serverRoleArn: pulumi.Input<string>;
  tlsSecretName: pulumi.Input<string>;
  /** Names of the nodes it has to run on. */
  servers: string[];
  /** IAM role of those nodes, to explain a broken chain; unset where this program does not manage it. */
  masterRoleName: string | undefined;
}

/**
 * kiam's server on the masters, and the gate that lets nothing pass before it is rolled out on
 * every one of them, healthy, and has fetched the roles of the pods there are, without errors.
 */
export class KiamServer extends pulumi.ComponentResource {
  constructor(name: string, args: KiamServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:KiamServer", name, {}, opts);
    const daemonSet = kiamDaemonSet(name, "server", serverPodSpec(args), args, this);
    gate(
      `${name}-verified`,
      {
        verb: "verify-server",
        input: {
          target: args.target,
          // A changed DaemonSet has to be verified anew.
          revision: daemonSet.metadata.generation,
          servers: args.servers,
          iam: {
            serverRoleArn: args.serverRoleArn,
            masterRoleName: args.masterRoleName,
            region: args.kiam.region,
          },
          roleBaseArn: args.roleBaseArn,
          caHostPath: args.kiam.caHostPath,
        },
        toolDirectory: args.toolDirectory,
      },
      { parent: this, dependsOn: [daemonSet], ...whileHeld(args.goesBack) },
    );
    this.registerOutputs({});
  }
}

function serverPodSpec(args: KiamServerArgs): k8s.types.input.core.v1.PodSpec {
  const { kiam } = args;
  const health = {
    exec: {
      command: [
        "/kiam",
        "health",
        ...tlsFlags,
        `--server-address=localhost:${kiam.serverPort}`,
        // The default of one second is too short for a busy master.
        "--gateway-timeout-creation=5s",
        "--timeout=5s",
      ],
    },
    periodSeconds: 10,
    timeoutSeconds: 10,
  };
  return {
    serviceAccountName: kiamNames.server,
    // The API server drops a false here, and a refresh would take that for a change.
    ...(kiam.serverHostNetwork
      ? { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" }
      : { dnsPolicy: "ClusterFirst" }),
    priorityClassName: "system-cluster-critical",
    ...serverPlacement(kiam),
    tolerations: kiam.serverTolerations,
    containers: [
      {
        name: "kiam",
        image: kiam.image,
        imagePullPolicy: "IfNotPresent",
        command: ["/kiam", "server"],
        args: [
          "--json-log",
          `--level=${kiam.logLevel}`,
          `--bind=0.0.0.0:${kiam.serverPort}`,
          ...tlsFlags,
          `--role-base-arn=${args.roleBaseArn}`,
          pulumi.interpolate`--assume-role-arn=${args.serverRoleArn}`,
          `--session-duration=${kiam.sessionDuration}`,
          `--region=${kiam.region}`,
          "--sync=1m",
          ...kiam.extraArgs.server,
        ],
        resources: kiam.resources.server,
        securityContext: confined(toListenOn(kiam.serverPort)),
        readinessProbe: { ...health, initialDelaySeconds: 1, failureThreshold: 3 },
        livenessProbe: { ...health, initialDelaySeconds: 20, failureThreshold: 6 },
        volumeMounts: [
          tlsVolumeMount,
          { name: "ssl-certs", mountPath: "/etc/ssl/certs", readOnly: true },
        ],
      },
    ],
    volumes: [
      tlsVolume(args.tlsSecretName),
      { name: "ssl-certs", hostPath: { path: kiam.caHostPath, type: "Directory" } },
    ],
  };
}

/** The nodes that migration/situation/nodeSelection.ts calls servers. */
export function serverPlacement(kiam: Settings["kiam"]): Partial<k8s.types.input.core.v1.PodSpec> {
  if (kiam.serverNodeSelector !== undefined) return { nodeSelector: kiam.serverNodeSelector };
  return {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          // Terms are alternatives: old clusters have one label, new ones the other.
          nodeSelectorTerms: masterLabels.map((key) => ({
            matchExpressions: [{ key, operator: "Exists" }],
          })),
        },
      },
    },
  };
}
