import type { ConfigMap } from "@pulumi/pulumi/automation";

import { openWorkspace } from "./openWorkspace.js";
import { projectName } from "./projectName.js";

/**
 * The configuration of a stack as parseSettings takes it, secrets decrypted. Reads only.
 *
 * @param workDir directory of Pulumi.yaml
 * @throws Error where there is no such stack, or the engine cannot decrypt its secrets
 */
export async function readStackSettings(
  stackName: string,
  workDir: string,
): Promise<Record<string, unknown>> {
  const workspace = await openWorkspace(workDir);
  return settingsOf(await workspace.getAllConfig(stackName));
}

/** Sections are JSON, but for the stage, which is a word. */
export function settingsOf(config: ConfigMap): Record<string, unknown> {
  const prefix = `${projectName}:`;
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, { value }]) => {
      if (!key.startsWith(prefix)) return [];
      const section = key.slice(prefix.length);
      return [[section, section === "stage" ? value : parsed(value)]];
    }),
  );
}

/** What is no JSON is for the settings' own check to refuse. */
function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
