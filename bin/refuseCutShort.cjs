/*
 * For Node's --require in Pulumi.yaml: looks at the last update before the engine hears of the program
 * (automation/recover/refuseCutShort.ts).
 */
require("./typescript.cjs");
const process = require("node:process");
const { refuseCutShort } = require("../automation/recover/refuseCutShort.ts");

refuseCutShort(process.argv.slice(2));
