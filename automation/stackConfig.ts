import type { ConfigMap } from "@pulumi/pulumi/automation";

import { secretSettings, type SettingsInput } from "../migration/settings/schema.js";

/**
 * Settings as a stack's configuration: one value for each section, as JSON. A section that holds
 * a secret is encrypted as a whole.
 */
export function stackConfig(settings: SettingsInput): ConfigMap {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([section, value]) => {
      if (value === undefined) return [];
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return [[section, { value: text, secret: holdsSecret(value, section) }]];
    }),
  );
}

function holdsSecret(value: unknown, path: string): boolean {
  if (secretSettings.test(path)) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(
    ([key, inner]) => inner !== undefined && holdsSecret(inner, `${path}.${key}`),
  );
}
