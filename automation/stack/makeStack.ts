import { withPulumi } from "./pulumiFailure.js";
import { runPulumi } from "./runPulumi.js";
import { openWorkspace } from "./stackConfig.js";
import { keepStackFile } from "./stackFile.js";

/** How a stack is made. */
export interface NewStack {
  /** What encrypts its secrets, as `pulumi stack init --secrets-provider` takes it; default: Pulumi's own choice. */
  secretsProvider?: string;
}

/**
 * Makes a stack, as `pulumi stack init` does, and selects none: which stack `pulumi` works on without
 * `--stack` stays as it was.
 *
 * @returns what takes it away again, and puts its file back as it was
 * @throws ContactError where pulumi does not make it
 */
export async function makeStack(
  stack: string,
  cwd: string,
  { secretsProvider }: NewStack,
): Promise<() => Promise<void>> {
  const restoreFile = await keepStackFile(cwd, stack);
  const provider = secretsProvider === undefined ? [] : ["--secrets-provider", secretsProvider];
  const workspace = await withPulumi(stack, cwd, async () => {
    const opened = await openWorkspace(cwd);
    // The SDK's createStack selects the stack.
    await runPulumi(opened, ["stack", "init", stack, "--no-select", ...provider]);
    return opened;
  });
  return async () => {
    await workspace.removeStack(stack, { preserveConfig: true });
    await restoreFile();
  };
}
