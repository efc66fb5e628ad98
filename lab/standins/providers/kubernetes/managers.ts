/** Field managers: who set which field of an object, as the API server records it. */
import { isMap, shown, type Json, type PropertyMap } from "../plugin/values.js";
import { ApiError, type Identity, type KubernetesClient } from "./client.js";
import { annotation, ANNOTATION, asJson, at, isTrue, mapsAt, stringAt } from "./objects.js";

/** Manager of objects made by a plain create, until the first update applies them. */
export const CREATE_MANAGER = "pulumi-kubernetes";

/** Managers whose fields the first server-side apply takes over, as the official provider does. */
const TAKEN_OVER = [
  { manager: "kubectl", operation: "Apply" },
  { manager: "kubectl", operation: "Update" },
  { manager: "before-first-apply", operation: "Update" },
  { manager: CREATE_MANAGER, operation: "Update" },
  { manager: "pulumi-kubernetes.exe", operation: "Update" },
  { manager: "pulumi-resource-kubernetes", operation: "Update" },
];

/** The name under which a resource's fields are applied. */
export function fieldManagerName(
  inputs: PropertyMap,
  recorded: string | undefined,
  unique: string,
): string {
  return (
    annotation(inputs, ANNOTATION.patchFieldManager) ?? recorded ?? `pulumi-kubernetes-${unique}`
  );
}

/** Whether an apply may take fields from their managers. */
export function mayForce(
  inputs: PropertyMap,
  live: PropertyMap | undefined,
  options: { enablePatchForce: boolean; preview: boolean },
): boolean {
  if (isTrue(inputs, ANNOTATION.patchForce) || options.enablePatchForce) {
    return true;
  }
  if (live === undefined) {
    // A preview of a replacement would otherwise conflict with the object that is going.
    return options.preview;
  }
  const managed = mapsAt(live, "metadata", "managedFields");
  return (
    managed.length === 0 ||
    (options.preview &&
      managed.some(
        ({ manager, operation }) => operation === "Update" && shown(manager).startsWith("pulumi-"),
      ))
  );
}

/** Hands the fields set by a plain create, or by kubectl, to `fieldManager`. */
export async function takeOver(
  client: KubernetesClient,
  identity: Identity,
  live: PropertyMap,
  fieldManager: string,
): Promise<PropertyMap> {
  const entries = mapsAt(live, "metadata", "managedFields");
  const mine = entries.filter(
    ({ manager, operation, subresource }) =>
      subresource === undefined &&
      ((manager === fieldManager && operation === "Apply") ||
        TAKEN_OVER.some((other) => other.manager === manager && other.operation === operation)),
  );
  if (mine.every(({ manager }) => manager === fieldManager)) {
    return live;
  }
  const fields = mine
    .map(({ fieldsV1 }) => (isMap(fieldsV1) ? fieldsV1 : {}))
    .reduce((all, some) => union(all, some), {});
  const merged = { ...mine.at(-1), manager: fieldManager, operation: "Apply", fieldsV1: fields };
  const rest = entries.filter((entry) => !mine.includes(entry));
  const value = [...rest, merged].map(asJson);
  const patch: Json[] = [{ op: "replace", path: "/metadata/managedFields", value }];
  const version = stringAt(live, "metadata", "resourceVersion");
  if (version !== undefined) {
    // Refused if someone changed the object in the meantime.
    patch.push({ op: "replace", path: "/metadata/resourceVersion", value: version });
  }
  return client.jsonPatch(identity, patch);
}

/**
 * Gives up every field the manager holds: an apply of nothing but the identity. A field that no one
 * else holds goes.
 *
 * The official provider does exactly this, without looking first whether the object still exists. An
 * apply makes what is missing, so taking back the patch of a Node that has left the cluster leaves a
 * bare Node behind. The stand-in keeps that, so that a rehearsal shows it.
 */
export async function relinquish(
  client: KubernetesClient,
  identity: Identity,
  fieldManager: string,
): Promise<void> {
  const { apiVersion, kind, name, namespace } = identity;
  const bare = { apiVersion, kind, metadata: namespace ? { name, namespace } : { name } };
  await client.apply(identity, bare, { fieldManager, force: false, dryRun: false });
}

/** The API server's conflict in the official provider's words; other errors as they are. */
export function explainConflict(error: unknown, fieldManager: string): unknown {
  if (!(error instanceof ApiError) || error.code !== 409 || error.reason !== "Conflict") {
    return error;
  }
  return new Error(
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/" +
      "kubernetes/how-to-guides/managing-resources-with-server-side-apply/" +
      "#handle-field-conflicts-on-existing-resources for troubleshooting help\n" +
      `The resource managed by field manager "${fieldManager}" had an apply conflict: ${error.message}`,
    { cause: error },
  );
}

/** Whether managers other than `fieldManager` hold the field, and only they. */
export function heldByOthers(
  live: PropertyMap,
  path: readonly string[],
  fieldManager: string,
): boolean {
  const holders = mapsAt(live, "metadata", "managedFields").filter(({ fieldsV1 }) => {
    return isMap(fieldsV1) && at(fieldsV1, ...path.map((step) => `f:${step}`)) !== undefined;
  });
  return holders.length > 0 && holders.every(({ manager }) => manager !== fieldManager);
}

function union(a: PropertyMap, b: PropertyMap): PropertyMap {
  const result = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const other = result[key];
    result[key] = isMap(value) && isMap(other) ? union(other, value) : value;
  }
  return result;
}
