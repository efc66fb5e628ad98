import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/*
 * What the pages point at is there: a page that names a file which a move took away sends its reader
 * looking for nothing.
 */

const root = join(__dirname, "../..");
const pages = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const folders = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[^]*?^```/gm, "");
}

/** The anchors of a page's headings, as GitHub makes them of a heading that is there once. */
function anchorsOf(path: string): string[] {
  return [...withoutBlocks(read(path)).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function brokenLinks(page: string): string[] {
  const links = [...withoutBlocks(read(page)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link));
  return links.filter((link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
}

/** Paths that stand as code: below one of the project's folders, of source text, or a folder's own. */
function missingPaths(page: string): string[] {
  return [...read(page).matchAll(/`([\w.-]+)(\/[\w./-]*)`/g)]
    .filter(
      ([, folder = "", rest = ""]) =>
        folders.includes(folder) || rest === "/" || /\.(ts|sh|[cm]js)$/.test(rest),
    )
    .map(([, folder = "", rest = ""]) => folder + rest)
    .filter((path) => !existsSync(join(root, path)));
}

/** Names that a page places in a file, as in "`makeWaves` in `migration/plan/plan.ts`". */
function misplacedNames(page: string): string[] {
  return [...read(page).matchAll(/`([\w.]+)` in `([\w./-]+\.(?:ts|sh))`/g)]
    .filter(([, name = "", path = ""]) => {
      const last = name.split(".").at(-1) ?? name;
      return !existsSync(join(root, path)) || !new RegExp(`\\b${last}\\b`).test(read(path));
    })
    .map(([text]) => text);
}

describe("the pages", () => {
  for (const page of [...pages, "CHANGELOG.md"]) {
    it(`${page}: every link and its anchor resolve`, () => {
      assert.deepEqual(brokenLinks(page), []);
    });
  }

  // Not of the changelog: it tells of files as they were.
  for (const page of pages) {
    it(`${page}: every file that it names is there, and holds what it is said to hold`, () => {
      assert.deepEqual([...missingPaths(page), ...misplacedNames(page)], []);
    });
  }
});
