/* What faults and the soak do to a running lab, from the operator's network. */
import type { CoreV1Api } from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";

import { agentLabels, serverLabels } from "../migration/kiam/names.js";
import { AWS_CONTROL } from "./aws/command.js";
import { runIn } from "./cluster/namespaces.js";
import { workloadName } from "./workload/applications.js";
import { applicationRoles } from "./workload/roles.js";

interface HasCore {
  readonly core: CoreV1Api;
}

/** Runs a shell script on a node. @returns its standard output */
export async function sh(node: string, script: string): Promise<string> {
  return (await runIn(node, "sh", ["-c", script])).stdout;
}

const selectorOf = (labels: Record<string, string>) =>
  Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(",");

export const agents = { namespace: "kiam", selector: selectorOf(agentLabels) };
export const servers = { namespace: "kiam", selector: selectorOf(serverLabels) };
export const workloads = applicationRoles
  .map(workloadName)
  .map(({ namespace, name }) => ({ namespace, selector: `app=${name}` }));
export const kube2iam = { namespace: "kube-system", selector: "app.kubernetes.io/name=kube2iam" };

/** Waits until the pods by these labels are Ready: all that there are, or those on one node. */
export async function podsReady(
  lab: HasCore,
  namespace: string,
  selector: string,
  node?: string,
): Promise<void> {
  await pWaitFor(
    async () => {
      const listed = await lab.core.listNamespacedPod({ namespace, labelSelector: selector });
      const items = listed.items.filter((pod) => node === undefined || pod.spec?.nodeName === node);
      return (
        items.length > 0 &&
        items.every(
          (pod) =>
            pod.metadata?.deletionTimestamp === undefined &&
            pod.status?.conditions?.some((each) => each.type === "Ready" && each.status === "True"),
        )
      );
    },
    { interval: 300, timeout: 90_000 },
  );
}

/** Deletes the pods by these labels (on one node, where named) and waits until others are ready. */
export async function restartPods(
  lab: HasCore,
  { namespace, selector, node }: { namespace: string; selector: string; node?: string },
  gracePeriodSeconds?: number,
): Promise<void> {
  const { items } = await lab.core.listNamespacedPod({ namespace, labelSelector: selector });
  const chosen = items.filter((pod) => node === undefined || pod.spec?.nodeName === node);
  if (chosen.length === 0)
    throw new Error(`no pod ${selector} in ${namespace}${node ? ` on ${node}` : ""}`);
  for (const { metadata } of chosen) {
    await lab.core.deleteNamespacedPod({
      namespace,
      name: metadata?.name ?? "",
      gracePeriodSeconds,
    });
  }
  const gone = new Set(chosen.map((pod) => pod.metadata?.uid));
  await pWaitFor(
    async () => {
      const now = await lab.core.listNamespacedPod({ namespace, labelSelector: selector });
      return now.items.every((pod) => !gone.has(pod.metadata?.uid));
    },
    { interval: 200, timeout: 60_000 },
  );
  await podsReady(lab, namespace, selector, node);
}

/** AssumeRole slow, throttled or denied; `{}` ends it. See lab/aws/lab_aws/control.py. */
export async function stsFault(fault: {
  delayMs?: number;
  throttle?: boolean;
  deny?: boolean;
}): Promise<void> {
  await control("/faults", Object.keys(fault).length === 0 ? {} : { sts: fault });
}

/** Ends every session of a role at once. */
export async function expireSessions(role: string): Promise<void> {
  await control("/expire", { role });
}

async function control(path: string, body: object): Promise<void> {
  const answer = await fetch(`${AWS_CONTROL}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${AWS_CONTROL}${path}: ${answer.status} ${text}`);
}
