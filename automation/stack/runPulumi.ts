import type { PulumiCommand, Workspace } from "@pulumi/pulumi/automation";

/** What a command of pulumi has printed, and its exit status. */
export interface CommandResult {
  stdout: string;
  stderr: string;
  code: number;
}

/** How the SDK runs pulumi's command line; its types leave that out (automation/cmd.ts). */
export interface RunsPulumi {
  run(
    args: string[],
    cwd: string,
    env: Record<string, string>,
    onOutput?: (data: string) => void,
    onError?: (data: string) => void,
    signal?: AbortSignal,
  ): Promise<CommandResult>;
}

/**
 * What the pulumi command prints in a workspace. The SDK's own methods select the stack first, or do
 * more than is needed.
 *
 * @throws as the SDK does, by class where it knows the failure
 */
export async function runPulumi(workspace: Workspace, args: string[]): Promise<string> {
  const { workDir, pulumiHome, envVars } = workspace;
  const pulumi = workspace.pulumiCommand as PulumiCommand & RunsPulumi;
  const { stdout } = await pulumi.run(args, workDir, {
    ...(pulumiHome === undefined ? {} : { PULUMI_HOME: pulumiHome }),
    ...envVars,
  });
  return stdout;
}
