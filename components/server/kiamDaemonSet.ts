import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";

import type { GateInput } from "../../gates/protocol/inputs.js";
import { agentLabels, kiamNames, serverLabels } from "../../migration/kiam/names.js";
import { gate, type GateContext } from "../gate.js";

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
 * What a container of kiam may do: it runs as root, with these capabilities and no others, and can
 * write only to what is mounted. Root owns the xtables lock, and reads certificates of the host
 * whatever their mode; without its capabilities it only owns files.
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

const labelsOf = { server: serverLabels, agent: agentLabels };

/**
 * The DaemonSet of kiam's server or agent. The gate in front of it goes after it, and waits until
 * it is deleted: the provider does not wait for that, and one of the same name may come next.
 *
 * @param more what is done once it is gone, and what that reads besides
 */
export function kiamDaemonSet(
  name: string,
  end: "server" | "agent",
  spec: k8s.types.input.core.v1.PodSpec,
  { kiam: { namespace }, target, toolDirectory }: GateContext & { kiam: { namespace: string } },
  parent: pulumi.Resource,
  more?: { undo: "clear-agent"; input: Pick<GateInput<"clear-agent">, "probe" | "selection"> },
): k8s.apps.v1.DaemonSet {
  const labels = labelsOf[end];
  const cleared = gate<"await-deletion", "await-deletion" | "clear-agent">(
    `${name}-cleared`,
    {
      verb: "await-deletion",
      undo: more?.undo ?? "await-deletion",
      input: { target, daemonSet: { namespace, name: kiamNames[end] }, ...more?.input },
      toolDirectory,
    },
    { parent, customTimeouts: { delete: "2h" } },
  );
  return new k8s.apps.v1.DaemonSet(
    name,
    {
      metadata: {
        name: kiamNames[end],
        namespace,
        labels,
        // The provider would wait for ten minutes, and then only say that it is not ready. The
        // gate behind it waits, and says why.
        annotations: { "pulumi.com/skipAwait": "true" },
      },
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1 } },
        template: { metadata: { labels }, spec },
      },
    },
    { parent, dependsOn: [cleared] },
  );
}
