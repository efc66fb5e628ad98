import type {
  KubeConfig,
  V1Deployment,
  V1ObjectMeta,
  V1PodTemplateSpec,
  V1StatefulSet,
} from "@kubernetes/client-node";

import type { PodFacts } from "../../migration/facts/clusterFacts.js";
import { objectName } from "../../migration/facts/clusterValues.js";
import { allOf, readAll } from "../kubernetes/api.js";
import { roleAnnotation } from "../../migration/kiam/permitted.js";

/** Phase of a pod that is not there, and will be once its workload wants one. */
const idlePhase = "Idle";

/**
 * A pod for each workload that asks for a role and has none just now: CronJobs, and Deployments and
 * StatefulSets without replicas. What they ask for has to be permitted and trusted before the
 * cutover as much as what runs. On no node; named as `cronjob/nightly`.
 */
export async function readIdlePods(config: KubeConfig): Promise<PodFacts[]> {
  const { AppsV1Api, BatchV1Api } = await import("@kubernetes/client-node");
  const apps = config.makeApiClient(AppsV1Api);
  const batch = config.makeApiClient(BatchV1Api);
  const lists = await allOf([
    readAll(
      "listing CronJobs",
      (page) => batch.listCronJobForAllNamespaces(page),
      ({ metadata, spec }) => idlePod("CronJob", metadata, spec?.jobTemplate.spec?.template),
    ),
    readAll(
      "listing Deployments",
      (page) => apps.listDeploymentForAllNamespaces(page),
      scaledDown("Deployment"),
    ),
    readAll(
      "listing StatefulSets",
      (page) => apps.listStatefulSetForAllNamespaces(page),
      scaledDown("StatefulSet"),
    ),
  ]);
  return lists.flat();
}

function scaledDown(kind: "Deployment" | "StatefulSet") {
  return ({ metadata, spec }: V1Deployment | V1StatefulSet): PodFacts[] =>
    spec?.replicas === 0 ? idlePod(kind, metadata, spec.template) : [];
}

function idlePod(
  kind: "CronJob" | "Deployment" | "StatefulSet",
  metadata: V1ObjectMeta | undefined,
  template: V1PodTemplateSpec | undefined,
): PodFacts[] {
  const role = template?.metadata?.annotations?.[roleAnnotation];
  if (role === undefined || role === "") return [];
  return [
    {
      namespace: objectName("namespace", metadata?.namespace),
      name: `${kind.toLowerCase()}/${objectName(kind, metadata?.name)}`,
      node: undefined,
      ip: undefined,
      role,
      hostNetwork: template?.spec?.hostNetwork ?? false,
      phase: idlePhase,
      hostPorts: [],
      controller: kind,
    },
  ];
}
