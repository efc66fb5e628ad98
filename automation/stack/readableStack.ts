import type { Deployment, PulumiCommand, Stack } from "@pulumi/pulumi/automation";

import { openWorkspace } from "./stackConfig.js";

/** As much of a stack as it takes to read it. */
export type ReadableStack = Pick<Stack, "name" | "workspace">;

/**
 * A stack to be read. It is not selected: which stack `pulumi` works on without `--stack` stays as
 * it was.
 *
 * @param workDir directory of Pulumi.yaml
 */
export async function readableStack(stackName: string, workDir: string): Promise<ReadableStack> {
  return { name: stackName, workspace: await openWorkspace(workDir) };
}

/** How the SDK runs a command; its types leave that out. */
interface RunsPulumi {
  run(
    args: string[],
    directory: string,
    environment: Record<string, string>,
  ): Promise<{ stdout: string }>;
}

/**
 * A stack's state, its secrets encrypted as they are kept: nothing here needs one, and decrypting
 * them takes as long as all the rest of it. `Stack.exportStack` of the SDK decrypts.
 */
export async function exportState(stack: ReadableStack): Promise<Deployment> {
  return JSON.parse(await runPulumi(stack, ["stack", "export"])) as Deployment;
}

/**
 * What the pulumi command prints of a stack.
 *
 * @throws as the SDK does, by class where it knows the failure
 */
export async function runPulumi(
  { name, workspace }: ReadableStack,
  args: readonly string[],
): Promise<string> {
  const { workDir, pulumiHome, envVars } = workspace;
  const pulumi = workspace.pulumiCommand as PulumiCommand & RunsPulumi;
  const { stdout } = await pulumi.run([...args, "--stack", name], workDir, {
    ...(pulumiHome === undefined ? {} : { PULUMI_HOME: pulumiHome }),
    ...envVars,
  });
  return stdout;
}
