/** Inputs made complete: name, namespace, nothing that only the API server sets. */
import { seededHex } from "../plugin/names.js";
import type { CheckRequest } from "../plugin/provider.js";
import {
  isMap,
  markSecrets,
  reveal,
  revealMap,
  UNKNOWN,
  type PropertyMap,
} from "../plugin/values.js";
import { isPatch, kindOfToken } from "./kinds.js";
import { ANNOTATION, at, isTrue, stringAt, withValue } from "./objects.js";
import type { Settings } from "./settings.js";
import { withoutReadOnly } from "./state.js";

const AUTONAME_DIGITS = 8;

/** @throws where the inputs cannot make an object, whatever the cluster is like. */
export async function checkInputs(request: CheckRequest, settings: Settings): Promise<PropertyMap> {
  const news = revealMap(request.news);
  const defaults = kindOfToken(request.type);
  let inputs = withoutReadOnly({
    ...news,
    apiVersion: news.apiVersion ?? defaults.apiVersion,
    kind: news.kind ?? defaults.kind,
  });
  if (at(inputs, "metadata", "generateName") !== undefined) {
    throw new Error(
      "the `.metadata.generateName` field is not supported in Server-Side Apply mode",
    );
  }
  inputs = name(inputs, request);
  inputs = await namespace(inputs, settings);
  return markSecrets(inputs, request.news);
}

function name(inputs: PropertyMap, request: CheckRequest): PropertyMap {
  const given = at(inputs, "metadata", "name");
  if (given === UNKNOWN || (given !== undefined && given !== null && given !== "")) {
    return inputs;
  }
  const kind = stringAt(inputs, "kind") ?? "";
  if (isPatch(request.type, kind)) {
    throw new Error("patch resources require the `.metadata.name` field to be set");
  }
  const olds = revealMap(request.olds);
  const former = stringAt(olds, "metadata", "name");
  if (former !== undefined && isTrue(olds, ANNOTATION.autonamed)) {
    return named(inputs, former);
  }
  const { autonaming, seed } = request;
  if (autonaming?.mode === "disable") {
    throw new Error("autonaming is disabled, resource requires the .metadata.name field to be set");
  }
  const own = `${request.name}-${seededHex(seed, AUTONAME_DIGITS)}`;
  return named(inputs, autonaming?.proposedName || own);
}

function named(inputs: PropertyMap, chosen: string): PropertyMap {
  const withName = withValue(inputs, ["metadata", "name"], chosen);
  return withValue(withName, ["metadata", "annotations", ANNOTATION.autonamed], "true");
}

async function namespace(inputs: PropertyMap, settings: Settings): Promise<PropertyMap> {
  const metadata = reveal(inputs.metadata ?? {});
  const given = isMap(metadata) ? metadata.namespace : UNKNOWN;
  if (given !== undefined && given !== null && given !== "") {
    return inputs;
  }
  return (await isNamespaced(inputs, settings))
    ? withValue(inputs, ["metadata", "namespace"], settings.namespace)
    : inputs;
}

/** A kind the API server does not have (yet) is taken for a namespaced one, as officially. */
async function isNamespaced(inputs: PropertyMap, { client }: Settings): Promise<boolean> {
  const apiVersion = stringAt(inputs, "apiVersion") ?? "";
  const kind = stringAt(inputs, "kind") ?? "";
  try {
    return await client.isNamespaced(apiVersion, kind);
  } catch {
    return true;
  }
}
