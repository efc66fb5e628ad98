import { z } from "zod";

import { kiamNames } from "../kiam/names.js";
import type { EffectiveKube2iam } from "../kube2iam/effective.js";
import {
  hostInterfaceSchema,
  hostIpSchema,
  objectNameSchema,
  portSchema,
} from "../settings/fields.js";
import type { Settings } from "../settings/schema.js";
import { GateError } from "../text/problem.js";
import type { NodeStanding } from "./nodeStandings.js";

/*
 * What is read and changed: the cluster with kube2iam and kiam in it, and a worker there. Derived
 * once; who reads rules uses it as it is, and every gate gets it on stdin.
 */

/** Which cluster, which kube2iam and kiam in it, and how long may be waited there. */
export const targetSchema = z.object({
  kubernetes: z.object({
    /** Context in the kubeconfig; the current one when unset. */
    context: z.string().min(1).optional(),
  }),
  kube2iam: z.object({
    namespace: objectNameSchema,
    daemonSet: objectNameSchema,
    /** Its --app-port. */
    port: portSchema,
    /** Its --host-interface; completes the way back where a worker has no live rule. */
    interface: hostInterfaceSchema.optional(),
  }),
  kiam: z.object({
    namespace: objectNameSchema,
    serverDaemonSet: objectNameSchema,
    agentDaemonSet: objectNameSchema,
    /** The agent's --port. */
    agentPort: portSchema,
    /** Its --host-interface; kube2iam's when unset. */
    interface: hostInterfaceSchema.optional(),
    serverPort: portSchema,
  }),
  /** Limit for each thing that is waited for (a roll-out, a probe, one worker's turn). */
  timeoutSeconds: z.number().positive().max(86_400),
});
export type Target = z.output<typeof targetSchema>;

export const workerSchema = z.object({
  /** Node name. */
  name: objectNameSchema,
  /** The node's uid, where it matters that it is this very node. */
  uid: z.string().optional(),
  /** Address in the DNAT rules: the node's internal IP. */
  hostIp: hostIpSchema,
  /** Interface of kube2iam's rule on it; that of the target when unset. */
  interface: hostInterfaceSchema.optional(),
});
export type Worker = z.output<typeof workerSchema>;

export function gateTarget(
  settings: Settings,
  kube2iam: Pick<EffectiveKube2iam, "namespace" | "daemonSet" | "port"> & { interface: string },
): Target {
  const { namespace, daemonSet, port } = kube2iam;
  // Stacks hold this as JSON text: another order of members would run every gate again.
  return {
    kubernetes: settings.kubernetes,
    kube2iam: { namespace, daemonSet, port, interface: kube2iam.interface },
    kiam: {
      namespace: settings.kiam.namespace,
      serverDaemonSet: kiamNames.server,
      agentDaemonSet: kiamNames.agent,
      agentPort: settings.kiam.agentPort,
      interface: agentInterface(settings, kube2iam.interface),
      serverPort: settings.kiam.serverPort,
    },
    timeoutSeconds: settings.probe.timeoutSeconds,
  };
}

/** Interface of the kiam agent's rule: that of kube2iam unless the settings say otherwise. */
export function agentInterface(settings: Settings, kube2iamInterface: string): string {
  return settings.kiam.hostInterface ?? kube2iamInterface;
}

/** The node as a worker. @throws GateError where it has no address that rules can carry */
export function workerOf({
  name,
  uid,
  internalIp,
}: Pick<NodeStanding, "name" | "uid" | "internalIp">): Worker {
  const address = hostIpSchema.safeParse(internalIp);
  if (address.success) return { name, uid, hostIp: address.data };
  throw new GateError(`${name} has no address to use`, [
    {
      where: `node ${name}`,
      what: `it reports ${internalIp === undefined ? "no IPv4 address as InternalIP" : "an InternalIP that is no IPv4 address"}`,
      why: "the rules carry it",
      fix: "see why the kubelet or the cloud controller does not report one",
    },
  ]);
}
