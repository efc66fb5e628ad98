#!/usr/bin/env node
// The package is TypeScript (typescript.cjs), and the program is loaded as one file (gates/protocol/bundle.ts).
import { createRequire } from "node:module";
import process from "node:process";
import { fileURLToPath, URL } from "node:url";

const load = createRequire(import.meta.url);
load("./typescript.cjs");
const { loadProgram } = load("../gates/protocol/bundle.ts");
const main = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const { kiamMigrate, processTerminal } = await loadProgram(main, ["@pulumi/*"]);
process.exitCode = await kiamMigrate(process.argv.slice(2), processTerminal());
