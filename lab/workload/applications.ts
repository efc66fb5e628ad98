/**
 * The applications: in each of four namespaces a pod on every worker that asks for its role's
 * credentials without pause, once with a fresh connection each time (container `fresh`) and
 * once on a connection that is kept (container `keepalive`).
 *
 * So every worker, namespace and role is measured in both ways.
 */
import type { KubeConfig, KubernetesObject } from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";
import { AWS_ENDPOINT } from "../aws/command.js";
import { applyObjects, waitForDaemonSets, type DaemonSetName } from "./apply.js";
import type { LabPaths } from "../paths.js";
import { RECORDS_ON_NODE, readLabRecords, type RequestRecord } from "./records.js";
import { applicationRoles, type ApplicationRole } from "./roles.js";

export const modes = ["fresh", "keepalive"] as const;

export interface WorkloadOptions {
  /** Number of workers; each runs one pod of each namespace. */
  workers: number;
  /** Where the clients ask who they are; reachable from pods. */
  sts?: string;
  image?: string;
  /** Milliseconds between the requests of one client; default 200, ten a second for each pod. */
  interval?: number;
  /** Milliseconds until all run and every one has had an answer; default two minutes. */
  timeout?: number;
}

export const workloadName = (role: ApplicationRole): DaemonSetName => ({
  namespace: role.namespace,
  name: `${role.namespace}-app`,
});

function daemonSet(role: ApplicationRole, options: WorkloadOptions): KubernetesObject {
  const { namespace, name } = workloadName(role);
  const labels = { app: name };
  const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
  const container = (mode: (typeof modes)[number]) => ({
    name: mode,
    image: options.image ?? "docker.io/lab/client:1",
    imagePullPolicy: "IfNotPresent",
    command: ["/client"],
    args: [
      `--mode=${mode}`,
      `--interval=${options.interval ?? 200}ms`,
      `--expect-role=${role.name}`,
      `--record=/records/$(POD_NAMESPACE)_$(POD_NAME)_${mode}.jsonl`,
      `--sts=${options.sts ?? AWS_ENDPOINT}`,
    ],
    env: [
      { name: "POD_NAME", ...field("metadata.name") },
      { name: "POD_NAMESPACE", ...field("metadata.namespace") },
      { name: "NODE_NAME", ...field("spec.nodeName") },
    ],
    // No limits: a client that is throttled would measure its own quota.
    resources: { requests: { cpu: "10m", memory: "16Mi" } },
    volumeMounts: [{ name: "records", mountPath: "/records" }],
  });
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { namespace, name, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { "iam.amazonaws.com/role": role.annotation } },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          // The client ends within the one request that is under way.
          terminationGracePeriodSeconds: 5,
          containers: modes.map(container),
          volumes: [
            { name: "records", hostPath: { path: RECORDS_ON_NODE, type: "DirectoryOrCreate" } },
          ],
        },
      },
    },
  } as KubernetesObject;
}

export function workloadObjects(options: WorkloadOptions): KubernetesObject[] {
  return [
    ...applicationRoles.map(({ namespace }) => ({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: namespace },
    })),
    ...applicationRoles.map((role) => daemonSet(role, options)),
  ];
}

/**
 * Applies the applications and waits until all run and every client has had its first good
 * answer. Deploy kube2iam first: a pod that asks before its rule is there gets the node's role.
 */
export async function deployWorkload(
  kube: KubeConfig,
  paths: LabPaths,
  options: WorkloadOptions,
): Promise<void> {
  const timeout = options.timeout ?? 120_000;
  const begun = Date.now();
  await applyObjects(kube, workloadObjects(options));
  await waitForDaemonSets(kube, applicationRoles.map(workloadName), options.workers, timeout);
  const clients = options.workers * applicationRoles.length * modes.length;
  const left = Math.max(1000, begun + timeout - Date.now());
  await waitForAnswers(() => readLabRecords(paths), clients, left);
}

/**
 * Waits until `clients` clients have had a good answer.
 *
 * @param records reads all records from the start
 * @param timeout milliseconds; the error then names what the others last got
 */
export async function waitForAnswers(
  records: () => AsyncIterable<RequestRecord>,
  clients: number,
  timeout: number,
): Promise<void> {
  const answered = new Set<string>();
  const last = new Map<string, string>();
  const all = async () => {
    for await (const record of records()) {
      const client = `${record.namespace}/${record.pod} (${record.mode}) on ${record.node}`;
      if (record.kind === "ok") answered.add(client);
      last.set(client, record.error ?? record.kind);
    }
    return answered.size >= clients;
  };
  try {
    await pWaitFor(all, { interval: 500, timeout });
  } catch (cause) {
    const others = [...last].filter(([client]) => !answered.has(client));
    const details = others.map(([client, got]) => `\n  ${client}: ${got}`).join("");
    throw new Error(
      `${answered.size} of ${clients} clients have had their role's credentials after ${Math.round(timeout / 1000)} s${details}`,
      { cause },
    );
  }
}
