/** A Secret's `stringData`, which the API server takes but never shows. */
import { isMap, type PropertyMap } from "../plugin/values.js";
import { isSecretKind } from "./state.js";

/** Adds to `inputs` what became of `wanted.stringData`, read back from the live `data`. */
export function readSecretInputs(
  inputs: PropertyMap,
  live: PropertyMap,
  wanted: PropertyMap,
): PropertyMap {
  const { stringData } = wanted;
  const { data } = live;
  if (!isSecretKind(live) || !isMap(stringData) || !isMap(data)) {
    return inputs;
  }
  const read = Object.keys(stringData).flatMap((key) => {
    const value = data[key];
    return typeof value === "string" ? [[key, Buffer.from(value, "base64").toString("utf8")]] : [];
  });
  return { ...inputs, stringData: Object.fromEntries(read) as PropertyMap };
}
