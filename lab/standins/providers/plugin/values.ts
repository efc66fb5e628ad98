/**
 * Property values as a provider sees them, and their form on the wire.
 *
 * The engine sends property maps as protobuf structs in which secrets and values that are not known
 * yet (during a preview) are specially marked. Here a secret is a `Secret`, an unknown is `UNKNOWN`,
 * and everything else is plain data.
 */
import * as structpb from "google-protobuf/google/protobuf/struct_pb";

/** A value the engine encrypts in the state and hides in its output. */
export class Secret {
  constructor(readonly value: Value) {}
}

/** A value that a preview cannot know yet. */
export const UNKNOWN: unique symbol = Symbol("unknown");

export type Value =
  null | boolean | number | string | Secret | typeof UNKNOWN | Value[] | PropertyMap;

export interface PropertyMap {
  [key: string]: Value | undefined;
}

/** Plain JSON data: no secrets, no unknowns. */
export type Json = null | boolean | number | string | Json[] | JsonMap;
export interface JsonMap {
  [key: string]: Json | undefined;
}

// These identifiers are the engine's wire protocol (sdk/go/common/resource/plugin/rpc.go).
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWN_VALUES = new Set([
  UNKNOWN_VALUE,
  "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7", // boolean
  "3eeb2bf0-c639-47a8-9e75-3b44932eb421", // number
  "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2", // array
  "030794c1-ac77-496b-92df-f27374a8bd58", // asset
  "e48ece36-62e2-4504-bad9-02848725956a", // archive
  "dd056dcd-154b-4c76-9bd3-c8f88648b5ff", // object
]);

export function isMap(value: Value | undefined): value is PropertyMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Secret)
  );
}

export function isJsonMap(value: Json | undefined): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a property map sent by the engine. */
export function decode(struct: structpb.Struct | undefined): PropertyMap {
  return struct ? (decodeValue(struct.toJavaScript()) as PropertyMap) : {};
}

function decodeValue(value: Json): Value {
  if (typeof value === "string") {
    return UNKNOWN_VALUES.has(value) ? UNKNOWN : value;
  }
  if (Array.isArray(value)) {
    return value.map(decodeValue);
  }
  if (isJsonMap(value)) {
    if (value[SIGNATURE] === SECRET_SIGNATURE) {
      return new Secret(decodeValue(value.value ?? null));
    }
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, decodeValue(v ?? null)]));
  }
  return value;
}

/** JSON without undefined, which protobuf does not know. */
type Wire = null | boolean | number | string | Wire[] | WireMap;
interface WireMap {
  [key: string]: Wire;
}

/** Writes a property map for the engine. Properties that are undefined are left out. */
export function encode(properties: PropertyMap): structpb.Struct {
  return structpb.Struct.fromJavaScript(encodeMap(properties));
}

function encodeMap(map: PropertyMap): WireMap {
  const result: WireMap = {};
  for (const [key, value] of Object.entries(map)) {
    if (value !== undefined) {
      result[key] = encodeValue(value);
    }
  }
  return result;
}

function encodeValue(value: Value): Wire {
  if (value === UNKNOWN) {
    return UNKNOWN_VALUE;
  }
  if (value instanceof Secret) {
    return { [SIGNATURE]: SECRET_SIGNATURE, value: encodeValue(value.value) };
  }
  if (Array.isArray(value)) {
    return value.map(encodeValue);
  }
  return isMap(value) ? encodeMap(value) : value;
}

/** The value without its secret wrappers, at every depth. Unknowns stay. */
export function reveal(value: Value): Value {
  if (value instanceof Secret) {
    return reveal(value.value);
  }
  if (Array.isArray(value)) {
    return value.map(reveal);
  }
  return isMap(value) ? revealMap(value) : value;
}

export function revealMap(map: PropertyMap): PropertyMap {
  const result: PropertyMap = {};
  for (const [key, value] of Object.entries(map)) {
    if (value !== undefined) {
      result[key] = reveal(value);
    }
  }
  return result;
}

/** True where the value, or anything inside it, is unknown. */
export function hasUnknown(value: Value | undefined): boolean {
  if (value instanceof Secret) {
    return hasUnknown(value.value);
  }
  if (Array.isArray(value)) {
    return value.some(hasUnknown);
  }
  return value === UNKNOWN || (isMap(value) && Object.values(value).some(hasUnknown));
}

/** Plain data of a map that holds no unknowns; throws where it holds one. */
export function toJson(map: PropertyMap): JsonMap {
  if (hasUnknown(map)) {
    throw new Error("A value that is not known yet was used where a known one is needed.");
  }
  return revealMap(map) as JsonMap;
}

/** A value in a message: text as it is, everything else as JSON; nothing where there is none. */
export function shown(value: Value | undefined): string {
  if (value === undefined || value === null || value === UNKNOWN) {
    return "";
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The string at `key`, secret or not; undefined where absent, unknown or of another type. */
export function text(map: PropertyMap, key: string): string | undefined {
  const value = map[key] === undefined ? undefined : reveal(map[key]);
  return typeof value === "string" ? value : undefined;
}

/** Marks as secret in `target` whatever is secret at the same place in `source`. */
export function markSecrets(target: PropertyMap, source: PropertyMap): PropertyMap {
  const result: PropertyMap = { ...target };
  for (const [key, from] of Object.entries(source)) {
    const to = result[key];
    if (from !== undefined && to !== undefined) {
      result[key] = markSecretsIn(to, from);
    }
  }
  return result;
}

function markSecretsIn(target: Value, source: Value): Value {
  if (source instanceof Secret) {
    return target instanceof Secret ? target : new Secret(target);
  }
  if (isMap(target) && isMap(source)) {
    return markSecrets(target, source);
  }
  if (Array.isArray(target) && Array.isArray(source)) {
    return target.map((item, i) => {
      const from = source[i];
      return from === undefined ? item : markSecretsIn(item, from);
    });
  }
  return target;
}
