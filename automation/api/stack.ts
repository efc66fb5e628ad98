import { resolve } from "node:path";

import { ContactError } from "../../migration/contact/contact.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import { openExistingStack } from "../openStack.js";
import { makeStack, type NewStack } from "../stack/makeStack.js";
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
  /**
   * Makes the stack where the backend has none of that name, as `pulumi stack init` does, with
   * `secretsProvider` for its `--secrets-provider`. Default: such a stack is refused, since a name with
   * a mistake in it would be a stack of its own.
   */
  create?: boolean | NewStack;
}

/** A stack that is there and whose settings are right. */
export interface MigrationStack {
  readonly stackName: string;
  /** Of Pulumi.yaml; absolute. */
  readonly directory: string;
}

/**
 * Opens a stack that `pulumi stack init` has made, or makes it with `create`. Backend, login and passphrase, kubeconfig and AWS
 * credentials are those of this process' environment, as for `pulumi up`. Selects nothing.
 *
 * @throws ContactError where there is no such stack, or its secrets can't be decrypted
 * @throws SettingsError with every problem of its settings; then nothing was written
 */
export async function openStack({
  stack,
  directory = ".",
  settings = {},
  create = false,
}: StackOptions): Promise<MigrationStack> {
  const cwd = resolve(directory);
  useInstalledPulumi();
  const { present, undo } = await read({ stack, cwd }, create);
  try {
    parseSettings(changed(present, settings));
  } catch (error) {
    await undo?.();
    throw error;
  }
  await write({ stack, cwd }, settings);
  return { stackName: stack, directory: cwd };
}

/** The settings of the stack; `undo` takes it away where it was made for that. */
async function read(
  { stack, cwd }: { stack: string; cwd: string },
  create: boolean | NewStack,
): Promise<{ present: Record<string, unknown>; undo?: () => Promise<void> }> {
  try {
    return { present: await readStackSettings(stack, cwd) };
  } catch (error) {
    const missing = error instanceof ContactError && error.contact.code === "stack-missing";
    if (!missing || create === false) throw error;
    const undo = await makeStack(stack, cwd, create === true ? {} : create);
    return { present: await readStackSettings(stack, cwd), undo };
  }
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
