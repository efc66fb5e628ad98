import { execa } from "execa";

import type { PulumiPreview } from "../migration/preview/pullRequestComment.js";
import { openWorkspace } from "./stack/stackConfig.js";

/**
 * `pulumi preview --diff`, as a pipeline runs it before the `pulumi up` that follows: with the installed
 * pulumi, the language host and Pulumi.yaml of the directory. It leaves the selected stack as it is.
 */
export async function pulumiPreview(stackName: string, workDir: string): Promise<PulumiPreview> {
  const { pulumiCommand } = await openWorkspace(workDir);
  const ran = await execa(
    pulumiCommand.command,
    [
      ...["preview", "--diff", "--stack", stackName],
      ...["--non-interactive", "--color", "never", "--suppress-outputs", "--suppress-progress"],
    ],
    {
      cwd: workDir,
      env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
      stdin: "ignore",
      all: true,
      reject: false,
    },
  );
  // Nothing was said where it could not be started.
  const said = ran.all ?? "";
  const output = said.trim() === "" ? (ran.shortMessage ?? "") : said;
  return { succeeded: !ran.failed, changes: ran.failed ? "" : changesIn(output), output };
}

/** What stands below `Resources:` at the end of Pulumi's output, in one line. */
export function changesIn(output: string): string {
  const [, below] = /\nResources:\n((?:[ \t]+\S.*\n?)+)/.exec(`\n${output}`) ?? [];
  return (below ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join(", ");
}
