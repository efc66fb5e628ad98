import * as pulumi from "@pulumi/pulumi";

import { settingsSchema } from "../migration/settings/schema.js";

/**
 * The stack's configuration as one object: what stands below the project's name in
 * stacks/Pulumi.<stack>.yaml. Secrets in it are decrypted; components mark them as secret again.
 */
export function stackConfiguration(): Record<string, unknown> {
  const config = new pulumi.Config();
  return Object.fromEntries(
    Object.keys(settingsSchema.shape).flatMap((key) => {
      const value = key === "stage" ? config.get(key) : config.getObject<unknown>(key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}
