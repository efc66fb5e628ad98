/*
 * More mistakes, made on the embedded cluster for real: kube2iam's DaemonSet, pods, expressions,
 * SSH, policies and settings. Called in the operator's network (lab/inOperatorNetwork.ts).
 */
import type { KubernetesObject, V1DaemonSet } from "@kubernetes/client-node";

import { runIn } from "../../lab/cluster/namespaces.js";
import { adminKube } from "../../lab/cluster/adminKube.js";
import { applyObjects } from "../../lab/workload/apply.js";
import { kube2iamName, kube2iamObjects } from "../../lab/workload/kube2iam.js";
import { roleArn } from "../../lab/workload/roles.js";
import { roleAnnotation } from "../../migration/kiam/permitted.js";
import { namespaceObject, openLab, pod, waitReady } from "./objects.js";
import type { Change } from "./mistakes.js";

/** Settings with mistakes in them, beside what {@link makeOtherMistakes} does. */
export const otherMistakenSettings: Change = {
  kiam: { hostInterface: "weave", sessionDuration: "15m" },
  namespaces: { nowhere: { permitted: ".*" } },
  iam: { assumableRoles: [roleArn({ name: "app-*" }), roleArn({ name: "kiam-probe" })] },
};

/** What they are found as, by severity, code and object. */
export const otherFoundMistakes = [
  "blocks default-role-lost namespace/lodgers",
  "blocks interface-missing node/worker-1",
  "blocks namespace-missing namespace/nowhere",
  "blocks permitted-invalid namespace/typists",
  "blocks role-not-assumable role/arn:aws:iam::123456789012:role/teams/payments/app-payments",
  "blocks worker-unreachable node/worker-2",
  "warns kube2iam-version daemonset/kube-system/kube2iam",
  "warns permitted-valid-by-accident namespace/lucky",
  "warns session-too-short kiam.sessionDuration",
  "informs prestop-hook daemonset/kube-system/kube2iam",
  "informs short-lived-pods namespace/jobs",
] as const;

const appOrders = roleArn({ name: "app-orders" });
const asOrders = { annotations: { [roleAnnotation]: "app-orders" } };

const namespaces = { lodgers: undefined, typists: "app-(", lucky: "*.*", jobs: appOrders };

function objects(): KubernetesObject[] {
  const { spec } = pod("jobs", "job", "true") as { spec?: object };
  return [
    ...Object.entries(namespaces).map(([name, permitted]) => namespaceObject(name, permitted)),
    pod("lodgers", "lodger", "true", { node: "worker-1" }),
    pod("typists", "typist", "true", asOrders),
    pod("lucky", "lucky", "true", asOrders),
    {
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { namespace: "jobs", name: "job" },
      spec: { template: { metadata: asOrders, spec: { ...spec, restartPolicy: "Never" } } },
    } as KubernetesObject,
  ];
}

/** kube2iam with a default role, a hook and an image that names no version; its pods stay as they are. */
function changedKube2iam(): KubernetesObject[] {
  return kube2iamObjects({ workers: 2 }).map((object) => {
    if (object.kind !== "DaemonSet") return object;
    const { spec } = object as V1DaemonSet;
    const [container] = spec?.template.spec?.containers ?? [];
    if (spec === undefined || container === undefined) throw new Error("kube2iam has no container");
    spec.updateStrategy = { type: "OnDelete" };
    container.image = "docker.io/jtblin/kube2iam:latest";
    container.args?.push("--default-role=app-orders");
    container.lifecycle = { preStop: { exec: { command: ["sh", "-c", hook] } } };
    return object;
  });
}

const hook =
  "iptables -t nat -S PREROUTING | grep 169.254.169.254 | sed s/-A/-D/ | xargs -r -L1 iptables -t nat";

const noSsh = ["INPUT", "-p", "tcp", "--dport", "22", "-j", "REJECT", "--reject-with", "tcp-reset"];

export async function makeOtherMistakes(): Promise<void> {
  const { cluster } = await openLab();
  await applyObjects(await adminKube(cluster.paths), [...objects(), ...changedKube2iam()]);
  await waitReady(cluster, Object.keys(namespaces));
  await runIn("worker-2", "iptables", ["-I", ...noSsh]);
}

export async function mendOtherMistakes(): Promise<void> {
  const { cluster } = await openLab();
  await runIn("worker-2", "iptables", ["-D", ...noSsh]);
  await cluster.kubectl(["delete", "namespace", ...Object.keys(namespaces)]);
  await applyObjects(await adminKube(cluster.paths), kube2iamObjects({ workers: 2 }));
  const { namespace, name } = kube2iamName;
  await cluster.kubectl(["rollout", "status", "-n", namespace, `daemonset/${name}`]);
}
