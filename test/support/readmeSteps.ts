import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

const checkout = resolve(__dirname, "../..");

/**
 * What the README has a user type for their own cluster and that begins with `start`, in its order.
 *
 * @throws where there is none: a step that is reworded is tested as reworded, or not at all
 */
export async function readmeSteps(start: string): Promise<string[]> {
  const readme = await readFile(join(checkout, "README.md"), "utf8");
  const section = /\n## First steps on your own cluster\n([^]*?)\n## /.exec(readme)?.[1] ?? "";
  const found = stepsIn(section).filter((step) => step.startsWith(start));
  if (found.length === 0) throw new Error(`the README has no step that begins with: ${start}`);
  return found;
}

/** The lines of code blocks, and the words in backticks. */
function stepsIn(markdown: string): string[] {
  const typed = markdown.matchAll(/```\n([^]*?)```|`([^`\n]+(?:\n[^`\n]+)?)`/g);
  return [...typed].flatMap(([, block, words]) =>
    block === undefined
      ? [(words ?? "").replace(/\s+/g, " ")]
      : block.split("\n").map((line) => line.trim()),
  );
}
