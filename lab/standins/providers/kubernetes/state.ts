/**
 * What the state keeps of a Kubernetes object, in the official provider's layout: the live object's
 * fields at the top, and beside them the inputs and the name under which fields were applied.
 */
import {
  isMap,
  markSecrets,
  reveal,
  revealMap,
  Secret,
  type PropertyMap,
  type Value,
} from "../plugin/values.js";
import { at, stringAt, without } from "./objects.js";

const INPUTS = "__inputs";
const FIELD_MANAGER = "__fieldManager";
const INITIAL_API_VERSION = "__initialApiVersion";

export interface Checkpoint {
  /** The object as the API server last showed it. */
  live: PropertyMap;
  /** Inputs at the last successful or partly successful operation. */
  inputs: PropertyMap;
  /** Manager of the applied fields; undefined before the first operation. */
  fieldManager: string | undefined;
  initialApiVersion: string | undefined;
}

/** The outputs to record. Whatever is secret in `inputs` is secret in them too. */
export function checkpoint(
  inputs: PropertyMap,
  live: PropertyMap,
  fieldManager: string,
  initialApiVersion: string,
): PropertyMap {
  return {
    ...markSecretData(markSecrets(live, inputs), inputs),
    [INPUTS]: inputs,
    [FIELD_MANAGER]: fieldManager,
    [INITIAL_API_VERSION]: initialApiVersion,
  };
}

export function parseCheckpoint(outputs: PropertyMap): Checkpoint {
  const revealed = revealMap(outputs);
  const {
    [INPUTS]: inputs,
    [FIELD_MANAGER]: fieldManager,
    [INITIAL_API_VERSION]: version,
    ...live
  } = revealed;
  return {
    live,
    inputs: isMap(inputs) ? inputs : {},
    fieldManager: typeof fieldManager === "string" ? fieldManager : undefined,
    initialApiVersion: typeof version === "string" ? version : undefined,
  };
}

/** The API server moves a Secret's `stringData` to `data`; secrecy moves along. */
function markSecretData(live: PropertyMap, inputs: PropertyMap): PropertyMap {
  const { stringData } = inputs;
  if (!isSecretKind(live) || stringData === undefined || live.data === undefined) {
    return live;
  }
  if (stringData instanceof Secret) {
    return { ...live, data: live.data instanceof Secret ? live.data : new Secret(live.data) };
  }
  return isMap(live.data) && isMap(stringData)
    ? { ...live, data: markSecrets(live.data, stringData) }
    : live;
}

export function isSecretKind(object: PropertyMap): boolean {
  return stringAt(object, "apiVersion") === "v1" && stringAt(object, "kind") === "Secret";
}

/** Fields that the API server sets and that are no inputs. */
const READ_ONLY = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
];

export function withoutReadOnly(object: PropertyMap): PropertyMap {
  return READ_ONLY.reduce((rest, field) => without(rest, ["metadata", field]), object);
}

/** Inputs of an object that was never declared here: an import, or a look-up by id. */
export function inputsFromLive(live: PropertyMap): PropertyMap {
  const noise = [
    ["status"],
    ["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"],
    ["metadata", "annotations", "deployment.kubernetes.io/revision"],
  ];
  return noise.reduce((rest, path) => without(rest, path), withoutReadOnly(live));
}

/**
 * The live object cut to the shape of the inputs, so that what the server adds is no difference.
 * A quantity that the server writes in another way (0.1 as 100m) keeps the user's form.
 */
export function prune(live: PropertyMap, inputs: PropertyMap): PropertyMap {
  const result: PropertyMap = {};
  for (const [key, wanted] of Object.entries(inputs)) {
    const value = live[key];
    if (value !== undefined && wanted !== undefined) {
      result[key] = pruneValue(value, wanted);
    }
  }
  return result;
}

function pruneValue(live: Value, given: Value): Value {
  const wanted = given instanceof Secret ? reveal(given) : given;
  if (isMap(live) && isMap(wanted)) {
    return prune(live, wanted);
  }
  if (Array.isArray(live) && Array.isArray(wanted)) {
    return live.map((item, i) => {
      const shape = matching(item, wanted, i);
      return shape === undefined ? item : pruneValue(item, shape);
    });
  }
  return sameQuantity(live, wanted) ? wanted : live;
}

/** List items belong together by name where they have one, otherwise by position. */
function matching(item: Value, list: Value[], index: number): Value | undefined {
  const name = isMap(item) ? at(item, "name") : undefined;
  const byName =
    name === undefined ? undefined : list.find((other) => isMap(other) && other.name === name);
  return byName ?? list[index];
}

const UNITS: Record<string, number> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function sameQuantity(a: Value, b: Value): boolean {
  const [left, right] = [quantity(a), quantity(b)];
  return left !== undefined && right !== undefined && Math.abs(left - right) <= left * 1e-12;
}

function quantity(value: Value): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") {
    return undefined;
  }
  const match = /^(\d+(?:\.\d+)?)(n|u|m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(String(value));
  const unit = UNITS[match?.[2] ?? ""];
  return match?.[1] === undefined || unit === undefined ? undefined : Number(match[1]) * unit;
}
