/** Starts a stand-in as one file: `start.ts <directory below lab/standins> [arguments from the engine]`. */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

import { loadProgram } from "../../../gates/protocol/bundle.js";

enableCompileCache();
// What is left is as the engine gave it.
const [standin = ""] = process.argv.splice(2, 1);
void loadProgram(join(__dirname, "..", standin, "main.ts"));
