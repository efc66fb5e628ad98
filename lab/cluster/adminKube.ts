import type { KubeConfig } from "@kubernetes/client-node";
import type { LabPaths } from "../paths.js";

/** Kubernetes as the lab's admin. */
export async function adminKube({ kubeconfig }: LabPaths): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}
