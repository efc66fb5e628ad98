import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { V1Pod } from "@kubernetes/client-node";

import { roleAnnotation } from "../../migration/kiam/permitted.js";
import type { Probe } from "../protocol/inputs.js";
import { roleForms } from "../../migration/iam/roleArn.js";

/** Who made a pod, by the label that Kubernetes recommends for it. */
export const managedBy = { "app.kubernetes.io/managed-by": "kube2iam-to-kiam" } as const;

/** Seconds that a pod may take on top of its probing, for scheduling and pulling its image. */
export const startSeconds = 60;

export interface ProbePodArgs {
  /** Node name. */
  worker: string;
  probe: Probe;
  /** Such as `http://169.254.169.254`. */
  baseUrl: string;
  /** How long it may try. */
  seconds: number;
}

/** Labels of the probe pods of one worker; hashed, since a node's name can be too long for one. */
export function probeLabels(worker: string): Record<string, string> {
  return {
    ...managedBy,
    "app.kubernetes.io/name": "credential-probe",
    "kube2iam-to-kiam/probed-node": createHash("sha256").update(worker).digest("hex").slice(0, 16),
  };
}

/**
 * A pod that asks for its role from one worker, runs worker/probe/probe.sh and ends. It is pinned by
 * affinity and tolerates everything, so it also runs on a cordoned or tainted worker. It needs
 * nothing but a network, and satisfies the restricted pod security standard.
 */
export function probePod({ worker, probe, baseUrl, seconds }: ProbePodArgs): V1Pod {
  const roles = [...new Set([probe.roleName ?? probe.role, ...roleForms(probe.role)])];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: "credential-probe-",
      namespace: probe.namespace,
      labels: probeLabels(worker),
      annotations: { [roleAnnotation]: probe.role },
    },
    spec: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchFields: [{ key: "metadata.name", operator: "In", values: [worker] }] },
            ],
          },
        },
      },
      tolerations: [{ operator: "Exists" }],
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      activeDeadlineSeconds: Math.ceil(seconds) + startSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65534,
        runAsGroup: 65534,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "probe",
          image: probe.image,
          imagePullPolicy: "IfNotPresent",
          command: [
            "sh",
            "-c",
            probeScript(),
            "probe.sh",
            baseUrl,
            String(probe.successes),
            String(Math.ceil(seconds)),
            ...roles,
          ],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    },
  };
}

/** The text of worker/probe/probe.sh. */
export function probeScript(): string {
  return readFileSync(join(__dirname, "../../worker/probe/probe.sh"), "utf8");
}
