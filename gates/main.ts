/**
 * `node --require tsx/cjs gates/main.ts <verb>`: one check or action against the cluster. What it
 * does is in run.ts. The path of this file stands in every stack's state, so it stays.
 */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

import { loadProgram } from "./protocol/bundle.js";
import type * as run from "./protocol/run.js";

enableCompileCache();
void loadProgram<typeof run>(join(__dirname, "protocol/run.ts")).then(({ main }) => main());
