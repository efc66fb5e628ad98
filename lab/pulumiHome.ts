import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";

import { packageVersion } from "./parts/context.js";
import type { Parts } from "./parts/types.js";

/**
 * Puts provider plugins where the engine looks for those that Pulumi.yaml does not name, as if it had
 * installed them. So the command pulumi finds them with a project's Pulumi.yaml as it is.
 *
 * @param home what PULUMI_HOME says, or `.pulumi` in the user's home directory
 */
export async function providePlugins(home: string, plugins: Parts["plugins"]): Promise<void> {
  for (const [name, { directory }] of Object.entries(plugins)) {
    // A program asks for the version of the npm package that it imports.
    const version = await packageVersion(`@pulumi/${name}`);
    const place = join(home, "plugins", `resource-${name}-v${version}`);
    if (place === directory) continue;
    // The engine takes no link for a plugin's directory.
    await mkdir(place, { recursive: true });
    const executable = `pulumi-resource-${name}`;
    await rm(join(place, executable), { force: true });
    await symlink(join(directory, executable), join(place, executable));
  }
}
