import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { makeDirectory } from "../../automation/makeDirectory.js";
import { typed } from "../../migration/contact/contact.js";
import { messageOf } from "../../migration/text/text.js";

/**
 * Writes the files for a stack's node groups.
 *
 * @returns their paths
 */
export async function writeFiles(
  directory: string,
  stack: string,
  files: readonly { file: string; text: string }[],
): Promise<string[]> {
  const written: string[] = [];
  try {
    await makeDirectory(directory);
    for (const { file, text } of files) {
      const path = join(directory, file);
      await writeFile(path, text);
      written.push(path);
    }
  } catch (error) {
    const there = written.length === 0 ? "None was written" : `Written was ${written.join(", ")}`;
    throw new Error(
      `The files for node groups cannot be written to ${directory}: ${messageOf(error)}. ${there}; ` +
        "nothing was changed in the cluster, and new nodes get what they got before. " +
        `What to do: name a directory in which you may write: kiam-migrate new-nodes --stack ${typed(stack)} --directory new-nodes`,
      { cause: error },
    );
  }
  return written;
}
