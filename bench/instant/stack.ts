import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  LocalWorkspace,
  PulumiCommand,
  type ProjectSettings,
  type PulumiFn,
  type Stack,
} from "@pulumi/pulumi/automation";

import { silentProgress } from "../../automation/progress.js";
import { engineSources } from "../../lab/parts/engine.js";
import { givenParts } from "../../lab/parts/given.js";
import { Network } from "../../lab/parts/network.js";
import { search } from "../../lab/parts/search.js";
import { cacheDirectory, CHECKOUT } from "../../lab/paths.js";

export interface InstantStack {
  stack: Stack;
  /** The stack's state, as the backend has it. */
  state: () => Promise<string>;
  dispose: () => Promise<void>;
}

/** A stack on a file backend whose providers take no time (main.ts beside this). */
export async function instantStack(program: PulumiFn): Promise<InstantStack> {
  const directory = await mkdtemp(join(tmpdir(), "kiam-bench-"));
  const stack = await LocalWorkspace.createStack(
    { stackName: "bench", projectName: "kube2iam-to-kiam", program },
    {
      workDir: directory,
      pulumiCommand: await PulumiCommand.get({ root: await engine() }),
      pulumiHome: join(directory, "home"),
      envVars: {
        PULUMI_CONFIG_PASSPHRASE: "bench",
        PULUMI_BACKEND_URL: `file://${directory}`,
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "true",
      },
      // The engine knows `plugins`; the SDK's type does not have it yet.
      projectSettings: {
        name: "kube2iam-to-kiam",
        runtime: "nodejs",
        plugins: {
          providers: await Promise.all(
            ["kubernetes", "aws", "command"].map((name) => plugin(directory, name)),
          ),
        },
      } as ProjectSettings,
    },
  );
  return {
    stack,
    state: () => readFile(join(directory, ".pulumi/stacks/kube2iam-to-kiam/bench.json"), "utf8"),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}

/** As `npm start` finds it, and without what else that needs. */
async function engine(): Promise<string> {
  const cache = cacheDirectory();
  const network = new Network(join(cache, "closed-hosts.json"));
  const context = { given: givenParts(), cache, network, progress: silentProgress };
  return (await search("Pulumi engine", await engineSources(context))).value;
}

async function plugin(directory: string, name: string): Promise<{ name: string; path: string }> {
  const path = join(directory, "plugins", name);
  const file = join(path, `pulumi-resource-${name}`);
  await mkdir(path, { recursive: true });
  const launch = join(CHECKOUT, "lab/standins/launch/launch.sh");
  await writeFile(file, `#!/bin/sh\nexec ${launch} ../../bench/instant ${name} "$@"\n`);
  await chmod(file, 0o755);
  return { name, path };
}
