/** Pulumi's type tokens for Kubernetes kinds, and what about a kind cannot be changed in place. */
import { stringAt } from "./objects.js";
import type { PropertyMap } from "../plugin/values.js";

/** Types of the package that are programs over resources, or speak another protocol (Helm). */
const NOT_KINDS = /^kubernetes:(helm\.sh|kustomize|yaml)/;
const TOKEN = /^kubernetes:([^:]+)\/([^:/]+):(\w+)$/;

export function isKindToken(type: string): boolean {
  return TOKEN.test(type) && !NOT_KINDS.test(type);
}

/** apiVersion and kind of a type token such as `kubernetes:apps/v1:DaemonSetPatch`. */
export function kindOfToken(type: string): { apiVersion: string; kind: string } {
  const [, group = "", version = "", name = ""] = TOKEN.exec(type) ?? [];
  // Prometheus and others name kinds "…Patch" too, but none of those has a token without one.
  const kind = name.replace(/Patch$/, "") || name;
  return { apiVersion: group === "core" ? version : `${group}/${version}`, kind };
}

/** Whether the resource patches an object that belongs to someone else. */
export function isPatch(type: string, kind: string): boolean {
  return type.endsWith(`:${kind}Patch`);
}

const IDENTITY = ["metadata.name", "metadata.namespace"];
const WORKLOAD = ["spec.selector"];
const JOB = ["spec.completions", "spec.parallelism", "spec.selector", "spec.template"];
const POD = ["spec"];
const IMMUTABLE: Record<string, readonly string[]> = {
  "apps/DaemonSet": WORKLOAD,
  "apps/Deployment": WORKLOAD,
  "apps/StatefulSet": [
    ...WORKLOAD,
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
  ],
  "batch/Job": JOB,
  "/Pod": POD,
  "/PersistentVolumeClaim": [
    "spec.accessModes",
    "spec.selector",
    "spec.storageClassName",
    "spec.volumeName",
  ],
  "/ResourceQuota": ["spec.scopes"],
  "/Service": ["spec.clusterIP"],
  "rbac.authorization.k8s.io/ClusterRoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/RoleBinding": ["roleRef"],
  "storage.k8s.io/StorageClass": ["parameters", "provisioner"],
};
const SECRET = ["type", "stringData", "data"];
const CONFIG_MAP = ["binaryData", "data"];

export interface Mutability {
  configMaps: boolean;
  secrets: boolean;
}

/** Property paths whose change needs a new object. */
export function immutablePaths(
  object: PropertyMap,
  patch: boolean,
  mutable: Mutability,
): readonly string[] {
  if (patch) {
    return IDENTITY;
  }
  const kind = stringAt(object, "kind") ?? "";
  const apiVersion = stringAt(object, "apiVersion") ?? "";
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  const frozen = object.immutable === true;
  const own =
    group === "" && kind === "Secret"
      ? !mutable.secrets || frozen
        ? SECRET
        : ["type"]
      : group === "" && kind === "ConfigMap"
        ? !mutable.configMaps || frozen
          ? CONFIG_MAP
          : []
        : (IMMUTABLE[`${group}/${kind}`] ?? []);
  return ["apiVersion", "kind", ...IDENTITY, ...own];
}

/** Whether a change at `path` touches one of `frozen`, a part of it, or what holds it. */
export function touches(path: string, frozen: readonly string[]): boolean {
  return frozen.some(
    (place) => path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`),
  );
}
