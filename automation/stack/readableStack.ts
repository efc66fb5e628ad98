import type { Stack } from "@pulumi/pulumi/automation";

import { openWorkspace } from "./stackConfig.js";

/** As much of a stack as it takes to read it. */
export type ReadableStack = Pick<Stack, "name" | "workspace" | "exportStack">;

/**
 * A stack to be read. It is not selected: which stack `pulumi` works on without `--stack` stays as
 * it was.
 *
 * @param workDir directory of Pulumi.yaml
 */
export async function readableStack(stackName: string, workDir: string): Promise<ReadableStack> {
  const workspace = await openWorkspace(workDir);
  return { name: stackName, workspace, exportStack: () => workspace.exportStack(stackName) };
}
