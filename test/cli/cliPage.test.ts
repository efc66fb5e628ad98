import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { format, resolveConfig } from "prettier";

import { cliPage } from "../../cli/cliPage.js";

describe("docs/cli.md", () => {
  it("is what the commands print for --help, as npm run docs:cli writes it", async () => {
    const path = join(__dirname, "../../docs/cli.md");
    const options = await resolveConfig(path);
    assert.equal(
      await readFile(path, "utf8"),
      await format(cliPage(), { ...options, parser: "markdown" }),
    );
  });

  it("has every command with its options and exit codes, whatever terminal it is made in", () => {
    const { columns } = process.stdout;
    process.stdout.columns = 40;
    const page = cliPage();
    process.stdout.columns = columns;
    assert.equal(page, cliPage());
    for (const command of ["audit", "plan", "permitted", "trust", "new-nodes"]) {
      const section = page.split(`\n## ${command}\n`)[1]?.split("\n## ")[0] ?? "";
      assert.match(section, new RegExp(`Usage: kiam-migrate ${command} `));
      assert.match(section, /--stack <name>/);
      assert.match(section, /Exit codes:\n {2}0 /);
      assert.ok(!section.includes(process.cwd()), "nothing of this machine");
    }
  });
});
