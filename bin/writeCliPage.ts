import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { cliPage } from "../cli/cliPage.js";

writeFileSync(join(__dirname, "../docs/cli.md"), cliPage());
