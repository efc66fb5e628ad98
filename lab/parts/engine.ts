import { execa } from "execa";
import { mkdir, stat, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { digest, exists, publish } from "./cache.js";
import { type Context, givenSource, packageVersion, partModule } from "./context.js";
import { type GoBuild, buildGo, isBuilt } from "./goBuild.js";
import { type Found, type Source, Unavailable } from "./search.js";
import { reportedVersion } from "./version.js";
import { CHECKOUT } from "../paths.js";

/** Where Pulumi keeps engines and plugins. */
export function pulumiHome(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.PULUMI_HOME || join(homedir(), ".pulumi");
}

/** Something on the host of Pulumi's downloads, engine and plugins. */
export const PULUMI_DOWNLOADS = "https://get.pulumi.com/install.sh";

/**
 * Where to look for the engine: named; official (where the npm launcher `pulumi` keeps it, or
 * downloaded by that launcher); built from github.com/pulumi/pulumi/pkg/v3.
 *
 * The value is an installation root: the directory that holds bin/pulumi.
 */
export async function engineSources(context: Context): Promise<Source<string>[]> {
  const version = await packageVersion("pulumi");
  const build: GoBuild = {
    name: "pulumi",
    directory: partModule("pulumi"),
    packages: ["github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"],
    program: "pulumi",
    // Without it the Automation API cannot tell which version it talks to.
    variables: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": `v${version}` },
  };
  return [
    givenSource(context, "engine", async (path) => verify(await rootOf(path, context.cache))),
    {
      origin: "official",
      find: async () => {
        const root = join(pulumiHome(), "versions", version);
        if (!(await exists(join(root, "bin", "pulumi")))) {
          if (await isBuilt(build, context.cache))
            throw new Unavailable("not asked for: a build is in the cache");
          await launch(context, version);
        }
        return verify(root);
      },
    },
    {
      origin: "built",
      find: async () => verify(await buildGo(build, context.cache, context.progress)),
    },
  ];
}

/** Has the npm launcher download the engine, as its first call on any machine would. */
async function launch(context: Context, version: string): Promise<void> {
  await context.network.requireHost(PULUMI_DOWNLOADS);
  await context.progress.run(`Downloading the Pulumi engine ${version}`, async () => {
    const launcher = join(CHECKOUT, "node_modules", "pulumi", "run.js");
    const result = await execa(process.execPath, [launcher, "version"], {
      reject: false,
      all: true,
      stdin: "ignore",
      env: { PULUMI_VERSION: version, PULUMI_SKIP_UPDATE_CHECK: "true" },
    });
    if (result.failed)
      await context.network.giveUp(
        PULUMI_DOWNLOADS,
        `the npm launcher could not download the engine: ${result.all?.slice(-500)}`,
      );
  });
}

/** An installation root for what the user named: a root, or a binary that may lie anywhere. */
async function rootOf(path: string, cache: string): Promise<string> {
  if ((await stat(path)).isDirectory()) {
    if (await exists(join(path, "bin", "pulumi"))) return path;
    throw new Error("the directory holds no bin/pulumi");
  }
  if (basename(path) === "pulumi" && basename(dirname(path)) === "bin")
    return dirname(dirname(path));
  return publish(join(cache, "given", `pulumi-${digest({ path })}`), async (staging) => {
    await mkdir(join(staging, "bin"), { recursive: true });
    await symlink(path, join(staging, "bin", "pulumi"));
  });
}

async function verify(root: string): Promise<Found<string>> {
  const binary = join(root, "bin", "pulumi");
  return { value: root, version: await reportedVersion(binary, ["version"], /^v(\d\S*)$/m) };
}
