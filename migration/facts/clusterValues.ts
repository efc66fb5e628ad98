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

/** What an earlier run recorded of kube2iam; see RecordedKube2iam in clusterFacts.ts. */
export const recordedKube2iamSchema = z.object({
  port: portSchema,
  interface: hostInterfaceSchema,
  /** kube2iam's --base-role-arn; empty where it had none. */
  baseRoleArn: baseRoleArnSchema,
});

/** Notes of gates. One that no gate wrote is passed over: then that gate runs again. */
export const gateNotesSchema = z.object({
  preStopToken: z
    .union([digestSchema, z.literal("none")])
    .optional()
    .catch(undefined),
  connectionsLeft: z.iso.datetime().optional().catch(undefined),
});
