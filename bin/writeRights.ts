import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { rightsFiles } from "../migration/rights/files.js";
import { withRightsTables } from "../migration/rights/rightsPage.js";

const root = join(__dirname, "..");
const page = join(root, "docs/rights.md");

for (const [path, text] of Object.entries(rightsFiles())) writeFileSync(join(root, path), text);
writeFileSync(page, withRightsTables(readFileSync(page, "utf8")));
