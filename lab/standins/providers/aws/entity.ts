/** What one IAM type has to say for itself; `resource.ts` makes a resource of it. */
import { shown, type JsonMap, type PropertyMap } from "../plugin/values.js";
import type { Settings } from "./settings.js";

export interface Context {
  settings: Settings;
  signal: AbortSignal;
  /** Seconds to wait for IAM to spread a change. */
  seconds: number;
}

export interface Entity {
  /** Properties that a program may set. */
  inputs: readonly string[];
  required: readonly string[];
  /** Values of properties that are not set. */
  defaults: JsonMap;
  /** Properties whose change needs a new entity. */
  immutable: readonly string[];
  /** Properties that hold a policy document. */
  policies: readonly string[];
  /** Outputs that only AWS knows. */
  computed: readonly string[];
  /** Longest name that AWS takes; undefined where the entity has no name of its own. */
  maxName?: number;
  /** Creates it and returns its id. */
  create(context: Context, inputs: JsonMap): Promise<string>;
  /** All outputs, or undefined where it does not exist. */
  read(context: Context, id: string): Promise<PropertyMap | undefined>;
  update(context: Context, id: string, olds: JsonMap, news: JsonMap): Promise<void>;
  /** Absence is no error. */
  delete(context: Context, id: string, outputs: JsonMap): Promise<void>;
}

/** The string at `key`, or undefined. */
export function optional(map: JsonMap, key: string): string | undefined {
  const value = map[key];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The string at `key`. @throws where there is none. */
export function required(map: JsonMap, key: string): string {
  const value = optional(map, key);
  if (value === undefined) {
    throw new Error(`${key}: missing`);
  }
  return value;
}

/** IAM sends policy documents URL-encoded. */
export function document(encoded: string | undefined): string {
  return decodeURIComponent(encoded ?? "");
}

export function tagList(tags: JsonMap[string]): { Key: string; Value: string }[] {
  return tags && typeof tags === "object" && !Array.isArray(tags)
    ? Object.entries(tags).map(([Key, value]) => ({ Key, Value: shown(value) }))
    : [];
}

export function tagMap(tags: { Key?: string; Value?: string }[] | undefined): JsonMap {
  return Object.fromEntries((tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
}

export function stringList(value: JsonMap[string]): string[] {
  return Array.isArray(value) ? value.map(shown) : [];
}
