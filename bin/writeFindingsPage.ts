import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { findingsPage } from "../migration/preview/findingsPage.js";

writeFileSync(join(__dirname, "../docs/findings.md"), findingsPage());
