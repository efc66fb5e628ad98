import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { parseDocument } from "yaml";

import { projectName } from "../../automation/stack/stackConfig.js";
import { CHECKOUT } from "../../lab/paths.js";

/** What a user changes, by pulumi or an editor. */
const THEIRS = ["Pulumi.yaml", "stacks"];
/** What runs; it stays this checkout's. */
const OURS = ["index.ts", "bin", "gates", "node_modules", "package.json", "tsconfig.json"];

/**
 * Makes a directory in which `pulumi` and `npx kiam-migrate` work as in a checkout: the stacks' files are
 * copies, so that what is done there leaves this checkout as it is.
 */
export async function makeUserProject(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of THEIRS) {
    await cp(join(CHECKOUT, name), join(directory, name), { recursive: true });
  }
  for (const name of OURS) await symlink(join(CHECKOUT, name), join(directory, name));
}

/** Sets sections of a stack's file as an editor would; all else in the file stays. */
export async function writeSections(stackFile: string, sections: object): Promise<void> {
  const stack = parseDocument(await readFile(stackFile, "utf8"));
  for (const [section, value] of Object.entries(sections)) {
    stack.setIn(["config", `${projectName}:${section}`], stack.createNode(value));
  }
  await writeFile(stackFile, String(stack));
}
