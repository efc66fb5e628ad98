import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

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
