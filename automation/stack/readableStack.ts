import type { Deployment, Stack } from "@pulumi/pulumi/automation";

import { runPulumi } from "./runPulumi.js";
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

/**
 * A stack's state, its secrets encrypted as they are kept: nothing here needs one, and decrypting
 * them takes as long as all the rest of it. `Stack.exportStack` of the SDK decrypts.
 */
export async function exportState({ name, workspace }: ReadableStack): Promise<Deployment> {
  const state = await runPulumi(workspace, ["stack", "export", "--stack", name]);
  return JSON.parse(state) as Deployment;
}
