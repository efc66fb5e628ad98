import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";

import { manifestObjects } from "../../migration/rights/kubernetesManifests.js";
import type { Purpose } from "../../migration/rights/kubernetesRights.js";
import type { Part } from "../../migration/rights/paths.js";
import type { ApiServer } from "./apiserver.js";
import { patience } from "./limit.js";

/** The user who is in the group of rights/kubernetes that has the rights for a purpose. */
export function userFor(api: ApiServer, purpose: Purpose): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(api.kubeconfigOf[purpose]);
  return config;
}

/** Applies files of rights/kubernetes, and waits until the API server goes by them. */
export async function giveRights(api: ApiServer, purpose: Purpose, parts: Part[]): Promise<void> {
  for (const part of parts) {
    for (const object of manifestObjects(purpose, part)) await api.objects.create(object);
  }
  const core = userFor(api, purpose).makeApiClient(CoreV1Api);
  const secret = { namespace: "kiam", name: "kiam-agent-tls" };
  const holds = {
    before: () => core.listNode().then(Boolean, () => false),
    // 404 where it is let in.
    "in-kiam": () =>
      core
        .readNamespacedSecret(secret)
        .then(Boolean, ({ code }: { code?: number }) => code === 404),
  };
  for (const part of parts) await pWaitFor(holds[part], { timeout: patience });
}
