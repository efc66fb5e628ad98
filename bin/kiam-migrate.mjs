#!/usr/bin/env node
// The package is TypeScript; tsx loads it.
import { register } from "tsx/cjs/api";
import { createRequire } from "node:module";
import process from "node:process";

register();
const { kiamMigrate, processTerminal } = createRequire(import.meta.url)("../cli/main.ts");
process.exitCode = await kiamMigrate(process.argv.slice(2), processTerminal());
