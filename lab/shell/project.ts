import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";

import { LocalWorkspace, PulumiCommand } from "@pulumi/pulumi/automation";

import { configure } from "../../automation/openStack.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import { CHECKOUT } from "../paths.js";
import type { Parts } from "../parts/types.js";
import { providePlugins } from "../pulumiHome.js";
import type { ShellPlaces } from "./places.js";

/** The stack of the shell. */
export const STACK = "lab";

/**
 * What the command pulumi and kiam-migrate need of a checkout. Copied, not linked: both say where gates
 * are found by where their own files are, and have to say the same, or each would undo what the other did.
 */
const copied = [
  ...["Pulumi.yaml", "index.ts", "package.json", "tsconfig.json", "bin"],
  ...["migration", "worker", "cluster", "gates", "components", "automation", "cli"],
] as const;

/**
 * Lays out a checkout as a user has it, with a stack that no update has touched.
 *
 * @param environment of the shell
 */
export async function createProject(
  places: ShellPlaces,
  { engine, plugins }: Pick<Parts, "engine" | "plugins">,
  environment: Record<string, string>,
  settings: SettingsInput,
): Promise<void> {
  const { project, pulumiHome, state } = places;
  await mkdir(join(project, "stacks"), { recursive: true });
  for (const name of copied) {
    await cp(join(CHECKOUT, name), join(project, name), { recursive: true });
  }
  await symlink(join(CHECKOUT, "node_modules"), join(project, "node_modules"));
  await mkdir(state, { recursive: true });
  await providePlugins(pulumiHome, plugins);
  const stack = await LocalWorkspace.createStack(
    { stackName: STACK, workDir: project },
    { envVars: environment, pulumiCommand: await PulumiCommand.get({ root: engine.root }) },
  );
  await configure(stack, settings);
}
