#!/usr/bin/env node
// The package is TypeScript; tsx loads it, and the program itself as one file (gates/bundle.ts).
import { register } from "tsx/cjs/api";
import { createRequire, enableCompileCache } from "node:module";
import process from "node:process";
import { fileURLToPath, URL } from "node:url";

enableCompileCache();
register();
const { loadProgram } = createRequire(import.meta.url)("../gates/bundle.ts");
const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const { kiamMigrate, processTerminal } = await loadProgram(main, ["@pulumi/*"]);
process.exitCode = await kiamMigrate(process.argv.slice(2), processTerminal());
