import { resolve } from "node:path";

import { parseSettings } from "../../migration/settings/parse.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import { openExistingStack } from "../openStack.js";
import { useInstalledPulumi } from "../stack/installedPulumi.js";
import { withPulumi } from "../stack/pulumiFailure.js";
import { readStackSettings, stackConfig } from "../stack/stackConfig.js";
import { changeSections } from "../stack/stackFile.js";

/** Some of the settings, such as `{ workers: { groups: ["spot"] } }`. */
export type SomeSettings = {
  [Section in keyof SettingsInput]?: Partial<SettingsInput[Section]>;
};

/** Which stack, and where. */
export interface StackOptions {
  /** Its name, such as `staging`. */
  stack: string;
  /** Directory of Pulumi.yaml; default: the working directory. */
  directory?: string;
  /**
   * Written into the stack's file first, secrets encrypted. What they do not name stays as it is,
   * comments included.
   */
  settings?: SomeSettings;
}

/** A stack that is there and whose settings are right. */
export interface MigrationStack {
  readonly stackName: string;
  /** Of Pulumi.yaml; absolute. */
  readonly directory: string;
}

/**
 * Opens a stack: `pulumi stack init` has made it. Backend, login and passphrase, kubeconfig and AWS
 * credentials are those of this process' environment, as for `pulumi up`. Selects nothing.
 *
 * @throws ContactError where there is no such stack, or its secrets can't be decrypted
 * @throws SettingsError with every problem of its settings; then nothing was written
 */
export async function openStack({
  stack,
  directory = ".",
  settings = {},
}: StackOptions): Promise<MigrationStack> {
  const cwd = resolve(directory);
  useInstalledPulumi();
  const present = await readStackSettings(stack, cwd);
  parseSettings(changed(present, settings));
  await write({ stack, cwd }, settings);
  return { stackName: stack, directory: cwd };
}

async function write(
  { stack, cwd }: { stack: string; cwd: string },
  settings: SomeSettings,
): Promise<void> {
  const { sections, secrets } = stackConfig(settings);
  if (Object.keys(sections).length > 0) await changeSections(cwd, stack, sections);
  if (Object.keys(secrets).length === 0) return;
  const opened = await openExistingStack(stack, cwd);
  await withPulumi(stack, cwd, () => opened.setAllConfig(secrets, true));
}

/** Objects name what changes in them; anything else takes the place of what was there. */
function changed(present: unknown, change: unknown): unknown {
  if (!isObject(change)) return change;
  const before = isObject(present) ? present : {};
  const after = Object.entries(change).map(([key, value]) => [key, changed(before[key], value)]);
  return { ...before, ...(Object.fromEntries(after) as object) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
