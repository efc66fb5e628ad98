import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

import type { GateInput } from "../../gates/protocol/inputs.js";
import { gate, type ToolLocation } from "../gate.js";
import type { Target } from "../../migration/situation/target.js";

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
 * What a container of kiam's may do: as root, with these capabilities and no others, and without
 * anything to write to but what is mounted. Root owns the xtables lock, and reads certificates of
 * the host whatever their mode; without its capabilities it is no more than an owner of files.
 */
export function confined(capabilities: readonly string[]): k8s.types.input.core.v1.SecurityContext {
  return {
    runAsUser: 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: {
      drop: ["ALL"],
      ...(capabilities.length === 0 ? {} : { add: [...capabilities] }),
    },
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** Capabilities that it takes to listen on a port. */
export function toListenOn(port: number): string[] {
  return port < 1024 ? ["NET_BIND_SERVICE"] : [];
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
 * @param more what is done once it is gone, and what that reads besides
 */
export function deletionAwaited(
  name: string,
  daemonSet: string,
  args: ToolLocation & { kiam: { namespace: string }; target: Target },
  parent: pulumi.Resource,
  more?: { undo: "clear-agent"; input: Pick<GateInput<"clear-agent">, "probe" | "selection"> },
): pulumi.Resource {
  return gate<"await-deletion", "await-deletion" | "clear-agent">(
    `${name}-cleared`,
    {
      verb: "await-deletion",
      undo: more?.undo ?? "await-deletion",
      input: {
        target: args.target,
        daemonSet: { namespace: args.kiam.namespace, name: daemonSet },
        ...more?.input,
      },
      toolDirectory: args.toolDirectory,
    },
    { parent, customTimeouts: { delete: "2h" } },
  );
}
