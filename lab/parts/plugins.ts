import { execa } from "execa";
import { join } from "node:path";
import { exists } from "./cache.js";
import { type Context, givenSource, packageVersion } from "./context.js";
import { PULUMI_DOWNLOADS, pulumiHome } from "./engine.js";
import { pluginVersion } from "./pluginInfo.js";
import type { Found, Source } from "./search.js";
import type { Plugin } from "./types.js";
import { isExecutable } from "./version.js";
import { CHECKOUT } from "../paths.js";

/**
 * Where to look for a provider plugin, of the version of its npm package: named; official (where
 * the engine keeps plugins, or installed by the engine); this project's stand-in.
 *
 * The value is the directory that holds pulumi-resource-<name>.
 *
 * @param engine installation root of the engine, which does the downloading
 */
export async function pluginSources(
  context: Context,
  plugin: Plugin,
  engine: string,
): Promise<Source<string>[]> {
  const version = await packageVersion(`@pulumi/${plugin}`);
  const verify = (directory: string): Promise<Found<string>> => verifyPlugin(directory, plugin);
  return [
    givenSource(context, "plugins", verify),
    {
      origin: "official",
      find: async () => {
        const directory = join(pulumiHome(), "plugins", `resource-${plugin}-v${version}`);
        // While the engine unpacks a plugin, and after it was killed doing so, this file lies there.
        const incomplete = await exists(`${directory}.partial`);
        if (incomplete || !(await exists(directory)))
          await install(context, plugin, version, engine);
        return verify(directory);
      },
    },
    {
      origin: "stand-in",
      find: () => verify(join(CHECKOUT, "lab", "standins", "providers", plugin)),
    },
  ];
}

async function install(
  context: Context,
  plugin: Plugin,
  version: string,
  engine: string,
): Promise<void> {
  await context.network.requireHost(PULUMI_DOWNLOADS);
  await context.progress.run(`Installing the Pulumi plugin ${plugin} ${version}`, async () => {
    const result = await execa(
      join(engine, "bin", "pulumi"),
      ["plugin", "install", "resource", plugin, version],
      { reject: false, all: true, stdin: "ignore", env: { PULUMI_SKIP_UPDATE_CHECK: "true" } },
    );
    if (result.failed)
      await context.network.giveUp(
        PULUMI_DOWNLOADS,
        `the engine could not install ${plugin}: ${result.all?.slice(-500)}`,
      );
  });
}

async function verifyPlugin(directory: string, plugin: Plugin): Promise<Found<string>> {
  const executable = join(directory, `pulumi-resource-${plugin}`);
  if (!(await isExecutable(executable))) throw new Error(`${executable} is not an executable file`);
  return { value: directory, version: await pluginVersion(executable) };
}
