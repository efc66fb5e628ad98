import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

import { gate, type ToolLocation } from "./gate.js";
import type { GateTarget } from "./gateTarget.js";

/** Where server and agent find their certificates. */
const tlsMountPath = "/etc/kiam/tls";

export const tlsFlags = [
  `--cert=${tlsMountPath}/tls.crt`,
  `--key=${tlsMountPath}/tls.key`,
  `--ca=${tlsMountPath}/ca.crt`,
];

export const tlsVolumeMount: k8s.types.input.core.v1.VolumeMount = {
  name: "tls",
  mountPath: tlsMountPath,
  readOnly: true,
};

export function tlsVolume(secretName: pulumi.Input<string>): k8s.types.input.core.v1.Volume {
  return { name: "tls", secret: { secretName } };
}

/**
 * The provider would wait for a DaemonSet for ten minutes and then say no more than that it is not
 * ready: the gate behind it waits, and says why.
 */
export const gateAwaits = { "pulumi.com/skipAwait": "true" } as const;

/**
 * Stands before a DaemonSet of kiam's, and so goes after it: its deletion, for which the provider
 * does not wait either, has to end before one of the same name is made.
 *
 * @param undo what is done once it is gone
 */
export function deletionAwaited(
  name: string,
  daemonSet: string,
  args: ToolLocation & { kiam: { namespace: string }; target: GateTarget },
  parent: pulumi.Resource,
  undo: "await-deletion" | "clear-agent" = "await-deletion",
): pulumi.Resource {
  return gate(
    `${name}-cleared`,
    {
      verb: "await-deletion",
      undo,
      input: {
        target: args.target,
        daemonSet: { namespace: args.kiam.namespace, name: daemonSet },
      },
      toolDirectory: args.toolDirectory,
    },
    { parent },
  );
}
