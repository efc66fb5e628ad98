import type { LocalWorkspace } from "@pulumi/pulumi/automation";

/** The Pulumi project in a directory, with the pulumi command of the PATH; for reading its stacks. */
export async function openWorkspace(workDir: string): Promise<LocalWorkspace> {
  // Not needed for --help, and slow to load.
  const { LocalWorkspace } = await import("@pulumi/pulumi/automation/index.js");
  return LocalWorkspace.create({ workDir });
}
