import type { ConfigMap, LocalWorkspace, PulumiCommand } from "@pulumi/pulumi/automation";

import { secretSettings } from "../../migration/settings/schema.js";
import { findPulumi } from "./installedPulumi.js";
import { withPulumi } from "./pulumiFailure.js";

/** Name of the Pulumi project, with which every key of a stack's configuration begins. */
export const projectName = "kube2iam-to-kiam";

/** The Pulumi project in a directory, with the pulumi command of the PATH; for reading its stacks. */
export async function openWorkspace(workDir: string): Promise<LocalWorkspace> {
  // Not needed for --help, and slow to load.
  const { LocalWorkspace } = await import("@pulumi/pulumi/automation/index.js");
  return LocalWorkspace.create({ workDir, pulumiCommand: await pulumiOnPath() });
}

/** By the file that the PATH led to: each is asked for its version once. */
const asked = new Map<string | undefined, Promise<PulumiCommand>>();

async function pulumiOnPath(): Promise<PulumiCommand> {
  const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
  const file = findPulumi();
  const command = asked.get(file) ?? PulumiCommand.get();
  asked.set(file, command);
  command.catch(() => asked.delete(file));
  return command;
}

/** Settings as a stack's configuration holds them. */
export interface StackConfig {
  /** What is no secret, by section: objects, as the types in Pulumi.yaml want them. */
  sections: Record<string, unknown>;
  /** Secrets, each by its path, such as `ssh.privateKey`. */
  secrets: ConfigMap;
}

export function stackConfig(settings: object): StackConfig {
  const secrets: ConfigMap = {};
  const inClear = (value: unknown, path: string): unknown => {
    if (secretSettings.test(path) && value !== undefined) {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      secrets[path] = { value: text, secret: true };
      return undefined;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return defined(value, (inner, key) => inClear(inner, `${path}.${key}`));
  };
  return { sections: defined(settings, inClear), secrets };
}

/** An object with other values, without those that are undefined then. */
function defined(
  object: object,
  change: (value: unknown, key: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).flatMap(([key, value]: [string, unknown]) => {
      const changed = change(value, key);
      return changed === undefined ? [] : [[key, changed]];
    }),
  );
}

/**
 * The configuration of a stack as parseSettings takes it, secrets decrypted. Reads only. Sections
 * are JSON, but for the stage, which is a word.
 *
 * @param workDir directory of Pulumi.yaml
 * @throws ContactError where there is no such stack, or the engine cannot decrypt its secrets
 */
export async function readStackSettings(
  stackName: string,
  workDir: string,
): Promise<Record<string, unknown>> {
  const config = await withPulumi(stackName, workDir, async () =>
    (await openWorkspace(workDir)).getAllConfig(stackName),
  );
  const sections = Object.entries(settingsOf(projectName, config));
  return Object.fromEntries(
    sections.map(([key, { value }]) => [key, key === "stage" ? value : parsed(value)]),
  );
}

/** What a configuration sets of a project, by setting. */
export function settingsOf<Value>(
  project: string,
  config: Record<string, Value>,
): Record<string, Value> {
  const prefix = `${project}:`;
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
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
