/** Reading Kubernetes objects that are plain data. */
import { isMap, type JsonMap, type PropertyMap, type Value } from "../plugin/values.js";
import type { Identity } from "./client.js";

export const ANNOTATION = {
  autonamed: "pulumi.com/autonamed",
  deletionPropagation: "pulumi.com/deletionPropagationPolicy",
  patchFieldManager: "pulumi.com/patchFieldManager",
  patchForce: "pulumi.com/patchForce",
  replaceUnready: "pulumi.com/replaceUnready",
  skipAwait: "pulumi.com/skipAwait",
  timeoutSeconds: "pulumi.com/timeoutSeconds",
} as const;

/** The value at a path; undefined where any step is missing. */
export function at(object: PropertyMap, ...path: string[]): Value | undefined {
  let value: Value | undefined = object;
  for (const step of path) {
    if (!isMap(value)) {
      return undefined;
    }
    value = value[step];
  }
  return value;
}

export function stringAt(object: PropertyMap, ...path: string[]): string | undefined {
  const value = at(object, ...path);
  return typeof value === "string" ? value : undefined;
}

export function numberAt(object: PropertyMap, ...path: string[]): number | undefined {
  const value = at(object, ...path);
  return typeof value === "number" ? value : undefined;
}

/** Maps in the list at a path; empty where there is no list. */
export function mapsAt(object: PropertyMap, ...path: string[]): PropertyMap[] {
  const value = at(object, ...path);
  return Array.isArray(value) ? value.filter(isMap) : [];
}

export function annotation(object: PropertyMap, name: string): string | undefined {
  const value = at(object, "metadata", "annotations", name);
  return typeof value === "string" || typeof value === "boolean" ? String(value) : undefined;
}

export function isTrue(object: PropertyMap, name: string): boolean {
  return annotation(object, name)?.toLowerCase() === "true";
}

/** Who the object is. @throws where apiVersion, kind or name is missing. */
export function identityOf(object: PropertyMap): Identity {
  const apiVersion = stringAt(object, "apiVersion");
  const kind = stringAt(object, "kind");
  const name = stringAt(object, "metadata", "name");
  const namespace = stringAt(object, "metadata", "namespace");
  if (!apiVersion || !kind || !name) {
    throw new Error(
      `The object has no complete identity: apiVersion ${apiVersion}, kind ${kind}, name ${name}.`,
    );
  }
  return { apiVersion, kind, name, namespace };
}

/** The resource's id in the state: `namespace/name`, or `name` for what has no namespace. */
export function idOf({ namespace, name }: Identity): string {
  return namespace ? `${namespace}/${name}` : name;
}

export function parseId(id: string): { namespace?: string; name: string } {
  const slash = id.indexOf("/");
  return slash < 0 ? { name: id } : { namespace: id.slice(0, slash), name: id.slice(slash + 1) };
}

/** A copy without the value at a path. */
export function without(object: PropertyMap, [step, ...rest]: readonly string[]): PropertyMap {
  if (step === undefined || object[step] === undefined) {
    return object;
  }
  const result = { ...object };
  const value = result[step];
  if (rest.length > 0 && isMap(value)) {
    result[step] = without(value, rest);
  } else {
    delete result[step];
  }
  return result;
}

/** A copy with a value at a path. */
export function withValue(object: PropertyMap, path: readonly string[], value: Value): PropertyMap {
  const [step, ...rest] = path;
  if (step === undefined) {
    return object;
  }
  const below = object[step];
  const next = rest.length === 0 ? value : withValue(isMap(below) ? below : {}, rest, value);
  return { ...object, [step]: next };
}

/** An object's own data as JSON, for a request. Its values are known to be plain. */
export function asJson(object: PropertyMap): JsonMap {
  return object as JsonMap;
}
