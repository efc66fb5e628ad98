/** What the operator asked of the API server: its audit log, of the operator's requests alone. */
import { readFile } from "node:fs/promises";
import { stringify } from "yaml";
import { groupOf } from "../../migration/rights/kubernetesManifests.js";
import type { LabPaths } from "../paths.js";
import { onNode, writeOnNode } from "./machine.js";
import type { ClusterNode } from "./topology.js";

const policyFile = "/etc/kubernetes/audit-policy.yaml";
const logFile = "/var/log/operator-requests.log";

/** Flags of the API server that has {@link installAuditPolicy}'s file. */
export const auditFlags = [
  `--audit-policy-file=${policyFile}`,
  `--audit-log-path=${logFile}`,
  // Megabytes: a lab that is kept must not fill the disk.
  "--audit-log-maxsize=100",
  "--audit-log-maxbackup=1",
];

export async function installAuditPolicy(paths: LabPaths, master: ClusterNode): Promise<void> {
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived", "ResponseStarted"],
    rules: [{ level: "Metadata", userGroups: [groupOf.move] }, { level: "None" }],
  };
  await writeOnNode(paths, master, policyFile, stringify(policy));
}

/** A request of the operator's for objects. */
export interface OperatorRequest {
  verb: string;
  /** API group; empty for the core one. */
  group: string;
  /** With the subresource: `pods/exec`. */
  resource: string;
  namespace: string | undefined;
  allowed: boolean;
}

interface AuditEvent {
  verb: string;
  objectRef?: {
    resource?: string;
    subresource?: string;
    apiGroup?: string;
    namespace?: string;
  };
  annotations?: Record<string, string>;
}

export async function operatorRequests(
  paths: LabPaths,
  master: ClusterNode,
): Promise<OperatorRequest[]> {
  const text = await readFile(onNode(paths, master, logFile), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent)
    .flatMap(({ verb, objectRef, annotations }) => {
      const { resource, subresource, apiGroup = "", namespace } = objectRef ?? {};
      if (resource === undefined) return [];
      return [
        {
          verb,
          group: apiGroup,
          resource: subresource === undefined ? resource : `${resource}/${subresource}`,
          namespace,
          allowed: annotations?.["authorization.k8s.io/decision"] === "allow",
        },
      ];
    });
}
