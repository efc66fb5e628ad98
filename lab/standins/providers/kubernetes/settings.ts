/** The provider's settings: the cluster it talks to, and how. */
import { existsSync } from "node:fs";

import { parse } from "yaml";

import { shown, text, type PropertyMap } from "../plugin/values.js";
import { KubernetesClient } from "./client.js";
import type { Mutability } from "./kinds.js";

export interface Settings {
  client: KubernetesClient;
  /** Namespace of objects that name none. */
  namespace: string;
  /** Take conflicting fields in every patch. */
  enablePatchForce: boolean;
  /** Apply over an existing object on creation, instead of failing. */
  upsertExistingObjects: boolean;
  mutable: Mutability;
}

/**
 * `kubeconfig` holds the contents or the path of a kubeconfig; without it KUBECONFIG and then
 * ~/.kube/config count, as with kubectl.
 *
 * @throws where the kubeconfig cannot be read, or asks for what the stand-in does not do.
 */
export async function readSettings(config: PropertyMap): Promise<Settings> {
  if (!flag(config, "enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", true)) {
    throw new Error(
      "enableServerSideApply: false is not supported by the stand-in for the kubernetes provider; " +
        "leave it out or install the official plugin.",
    );
  }
  // The client library takes a good part of a second to load.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const kubeconfig = new KubeConfig();
  const given = text(config, "kubeconfig");
  if (given === undefined) {
    kubeconfig.loadFromDefault();
  } else if (isKubeconfig(given)) {
    kubeconfig.loadFromString(given);
  } else if (existsSync(given)) {
    kubeconfig.loadFromFile(given);
  } else {
    throw new Error(
      "kubeconfig: neither the contents of a kubeconfig nor the path of an existing one.",
    );
  }
  const context = text(config, "context");
  if (context !== undefined) {
    kubeconfig.setCurrentContext(context);
  }
  const current = kubeconfig.getContextObject(kubeconfig.getCurrentContext());
  const cluster = text(config, "cluster");
  if (cluster !== undefined && current) {
    kubeconfig.contexts = kubeconfig.contexts.map((entry) =>
      entry.name === current.name ? { ...entry, cluster } : entry,
    );
  }
  return {
    client: new KubernetesClient(kubeconfig),
    namespace: text(config, "namespace") ?? (current?.namespace || "default"),
    enablePatchForce: flag(config, "enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    upsertExistingObjects: flag(
      config,
      "upsertExistingObjects",
      "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    ),
    mutable: {
      configMaps: flag(config, "enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
      secrets: flag(config, "enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
    },
  };
}

function isKubeconfig(given: string): boolean {
  try {
    const value: unknown = parse(given);
    return typeof value === "object" && value !== null && "clusters" in value;
  } catch {
    return false;
  }
}

/** A setting that the SDK sends as true or "true"; otherwise the environment decides. */
function flag(config: PropertyMap, name: string, variable: string, otherwise = false): boolean {
  const value = config[name] ?? process.env[variable];
  return value === undefined || value === null ? otherwise : /^(true|1)$/i.test(shown(value));
}
