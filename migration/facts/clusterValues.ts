import { isIPv4 } from "node:net";

import { z } from "zod";

import {
  baseRoleArnSchema,
  hostAddressSchema,
  hostInterfaceSchema,
  objectNameSchema,
  portSchema,
} from "../settings/fields.js";
import { digestSchema } from "../text/digest.js";
import { shownJson } from "../text/shown.js";

/*
 * Narrow types for what is read from the cluster and gets into a command line, a manifest, a
 * connection or a name. Everything else that is read is only compared and shown (shown.ts).
 */

/** @throws Error where it is none: what else such an API server says is not to be relied on */
export function objectName(kind: string, name: string | undefined): string {
  if (name !== undefined && objectNameSchema.safeParse(name).success) return name;
  throw new Error(
    `The API server lists a ${kind} by the name ${shownJson((name ?? "").slice(0, 200))}, which is no Kubernetes name. ` +
      "Names get into command lines and resources, so nothing was done. See who answers as the API server: kubectl cluster-info",
  );
}

/** The first of a node's addresses that is an IPv4 address, as nat rules take them. */
export function firstIPv4(addresses: readonly string[]): string | undefined {
  return addresses.find((address) => isIPv4(address));
}

/** The first of a node's addresses to which SSH can connect. */
export function firstHost(addresses: readonly string[]): string | undefined {
  return addresses.find((address) => hostAddressSchema.safeParse(address).success);
}

/** What has to outlive kube2iam's DaemonSet, since kiam's own settings were derived from it. */
export const recordedKube2iamSchema = z.object({
  port: portSchema,
  interface: hostInterfaceSchema,
  /** kube2iam's --base-role-arn; empty where it had none. */
  baseRoleArn: baseRoleArnSchema,
});

export type RecordedKube2iam = z.output<typeof recordedKube2iamSchema>;

/** Name of the ConfigMap in kiam's namespace that keeps {@link GateNotes}. */
export const gateNotesName = "kube2iam-to-kiam-notes";

/**
 * What gates write down for the next plan: the stack's state does not tell the program what a gate
 * that failed had come to. A note that no gate wrote is passed over: then that gate runs again.
 */
export const gateNotesSchema = z.object({
  /** Which of kube2iam's preStop hooks was neutralised last; see kube2iam/preStopToken.ts. */
  preStopToken: z
    .union([digestSchema, z.literal("none")])
    .optional()
    .catch(undefined),
  /** When a retirement last stopped because of connections to kube2iam. */
  connectionsLeft: z.iso.datetime().optional().catch(undefined),
});
export type GateNotes = z.output<typeof gateNotesSchema>;
