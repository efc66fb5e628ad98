import assert from "node:assert/strict";
import { resolve } from "node:path";

import { execa } from "execa";

/*
 * That the program loads less of Pulumi's SDK, and that what is left for later still works. How much time
 * that saves is in docs/testing.md.
 */

const checkout = resolve(__dirname, "../..");

/** Prints which of those packages are loaded, before and after the SDK takes a function apart. */
const script = `
const { runtime } = require("@pulumi/pulumi");
const loaded = () => ["typescript/lib/typescript.js", "@npmcli/arborist/lib/arborist/index.js"].filter((part) =>
  Object.keys(require.cache).some((file) => file.endsWith("node_modules/" + part)));
const before = loaded();
const one = 1;
runtime.serializeFunction(() => one).then(({ text }) =>
  console.log(JSON.stringify({ before, text, after: loaded() })));
`;

const run = (text: string) =>
  execa(process.execPath, ["--require", "./bin/typescript.cjs", "--eval", text], { cwd: checkout });

describe("parts of Pulumi's SDK that are loaded late", () => {
  it("are not there before the SDK uses them, and work then", async () => {
    const { stdout } = await run(script);
    const { before, text, after } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual(before, []);
    assert.match(String(text), /return \(\) => one;/);
    assert.deepEqual(after, ["typescript/lib/typescript.js"]);
  });

  // Node warns of what packages do that is out of date, unless only packages called it.
  it("have nothing printed while packages are loaded", async () => {
    const packages = ["@pulumi/pulumi", "@kubernetes/client-node"];
    const { stdout, stderr } = await run(packages.map((name) => `require("${name}")`).join("; "));
    assert.deepEqual([stdout, stderr], ["", ""]);
  });
});
