import type { ClusterFacts } from "../facts/clusterFacts.js";
import type { PermittedMode } from "./permitted.js";
import { own } from "../text/text.js";
import type { Settings } from "../settings/schema.js";

/**
 * How the kiam that the settings deploy matches permissions, by its image's tag and its flags.
 * Version 4 is taken for granted where the tag tells no version.
 */
export function permittedMode({ kiam }: Pick<Settings, "kiam">): PermittedMode {
  if (/:v?[23]([.@-]|$)/.test(kiam.image)) return "as-written";
  const flag = kiam.extraArgs.server
    .filter((word) => /^--(no-)?disable-strict-namespace-regexp(=|$)/.test(word))
    .at(-1);
  const off = flag === undefined || flag.startsWith("--no-") || flag.endsWith("=false");
  return off ? "strict" : "unanchored";
}

/**
 * What each namespace permits once the settings are applied: their value, else its annotation.
 *
 * @returns by name; undefined for one that has neither
 */
export function permittedInForce(
  settings: Pick<Settings, "namespaces">,
  facts: Pick<ClusterFacts, "namespaces">,
): (namespace: string) => string | undefined {
  const annotated = new Map(facts.namespaces.map(({ name, permitted }) => [name, permitted]));
  return (namespace) => own(settings.namespaces, namespace)?.permitted ?? annotated.get(namespace);
}
