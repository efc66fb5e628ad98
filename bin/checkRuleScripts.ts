import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { assemble, partsOf, ruleVerbs } from "../worker/rules/assemble.js";

/*
 * shellcheck on the text of each verb of worker/rules/. A part alone lacks what others define. The
 * comments are in it: they hold shellcheck's own orders.
 */
const directory = mkdtempSync(join(tmpdir(), "rule-scripts-"));
try {
  for (const verb of ruleVerbs) {
    writeFileSync(join(directory, `${verb}.sh`), assemble(partsOf(verb)));
  }
  const files = ruleVerbs.map((verb) => `${verb}.sh`);
  const { status, error } = spawnSync("shellcheck", files, { cwd: directory, stdio: "inherit" });
  if (error !== undefined) throw error;
  process.exitCode = status ?? 1;
} finally {
  rmSync(directory, { recursive: true });
}
