import { realpath } from "node:fs/promises";
import { join, resolve } from "node:path";

import * as automation from "@pulumi/pulumi/automation";

import { program, type Supervision } from "../components/program.js";
import { stackConfiguration } from "../components/stackConfiguration.js";
import type { SettingsInput } from "../migration/settings/schema.js";
import { openWorkspace, projectName, stackConfig } from "./stack/stackConfig.js";
import { writeSections } from "./stack/stackFile.js";

export interface StackLocation {
  /** Name of the stack, such as `staging`. */
  stackName: string;
  /** Directory for Pulumi.yaml and the stack's configuration. */
  workDir: string;
  /** Path from `workDir` to this package, where they differ; see components/gate.ts. */
  toolDirectory?: string;
  /** Backend for state: `file://…`, `s3://…`, `https://…`. */
  backendUrl: string;
  /** Environment of engine, plugins and gates: KUBECONFIG, AWS_…, PULUMI_CONFIG_PASSPHRASE. */
  env: Record<string, string>;
  /** The engine; the one on the PATH when unset. */
  pulumi?: automation.PulumiCommand;
  /** Plugins to use instead of the ones that Pulumi installs: name → directory. */
  plugins?: Record<string, string>;
}

/**
 * Opens (or creates) a stack whose program runs in this very process.
 *
 * @param settings written into the stack's configuration, secrets encrypted
 */
export async function openStack(
  location: StackLocation,
  settings: SettingsInput,
): Promise<automation.Stack> {
  const stack = await automation.LocalWorkspace.createOrSelectStack(
    {
      projectName,
      stackName: location.stackName,
      program: () => program(stackConfiguration(), { toolDirectory: location.toolDirectory }),
    },
    {
      workDir: location.workDir,
      pulumiCommand: location.pulumi,
      envVars: {
        ...location.env,
        PULUMI_BACKEND_URL: location.backendUrl,
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
      projectSettings: projectSettings(location),
    },
  );
  await configure(stack, settings);
  return stack;
}

/**
 * Opens a stack as it is: its settings, Pulumi.yaml, backend and login are those that `pulumi up` in
 * that directory has. Writes nothing, and selects nothing: which stack `pulumi` works on without
 * `--stack` stays as it was.
 *
 * @param workDir directory of Pulumi.yaml
 * @param supervision see components/program.ts
 */
export async function openExistingStack(
  stackName: string,
  workDir: string,
  supervision?: Supervision,
): Promise<automation.Stack> {
  const workspace = await openWorkspace(workDir);
  const toolDirectory = await toolDirectoryFrom(workDir);
  workspace.program = () => program(stackConfiguration(), { toolDirectory }, supervision);
  workspace.selectStack = () => Promise.resolve();
  return automation.Stack.select(stackName, workspace);
}

/**
 * See components/gate.ts: undefined where `pulumi up` has none, since the gates there are this package's.
 * With another one than `pulumi up`, each would run the other's gates again.
 */
async function toolDirectoryFrom(workDir: string): Promise<string | undefined> {
  const gates = "gates/main.ts";
  const here = await realpath(resolve(__dirname, ".."));
  const [own, there] = await Promise.all([
    realpath(join(here, gates)),
    realpath(join(workDir, gates)).catch(() => undefined),
  ]);
  return own === there ? undefined : here;
}

/** Writes settings into an open stack's configuration, secrets encrypted, as `pulumi up` takes them. */
export async function configure(stack: automation.Stack, settings: SettingsInput): Promise<void> {
  const { sections, secrets } = stackConfig(settings);
  // What an earlier run set and this one does not is a default again.
  await writeSections(stack.workspace.workDir, stack.name, sections);
  if (Object.keys(secrets).length > 0) await stack.setAllConfig(secrets, true);
}

function projectSettings({ backendUrl, plugins }: StackLocation): automation.ProjectSettings {
  const settings = { name: projectName, runtime: "nodejs", backend: { url: backendUrl } } as const;
  if (plugins === undefined) return settings;
  const providers = Object.entries(plugins).map(([name, path]) => ({ name, path }));
  // The engine knows `plugins` in Pulumi.yaml; the SDK's type does not.
  return { ...settings, plugins: { providers } } as automation.ProjectSettings;
}
