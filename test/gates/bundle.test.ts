import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import type * as bundle from "../../gates/bundle.js";

/*
 * A program that is loaded as one file: in a checkout of its own, with the real bundler. That the
 * gates and the stand-ins run so is seen wherever tests run them.
 */

describe("a program as one file", () => {
  let checkout: string;
  let cache: string;

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), text);
  };

  /** What the program says, run by the checkout's own copy of gates/bundle.ts. */
  async function run(): Promise<string> {
    const file = join(checkout, "gates", "bundle.ts");
    const { loadProgram } = createRequire(file)(file) as typeof bundle;
    const { say } = await loadProgram<{ say: () => string }>(join(checkout, "program", "main.ts"));
    return say();
  }

  const bundles = () => readdirSync(cache).filter((name) => name.endsWith(".cjs"));

  beforeEach(async () => {
    checkout = await mkdtemp(join(tmpdir(), "kiam-bundle-"));
    cache = join(checkout, "node_modules", ".cache", "kube2iam-to-kiam");
    const modules = resolve(__dirname, "../../node_modules");
    mkdirSync(join(checkout, "node_modules"));
    symlinkSync(join(modules, "esbuild"), join(checkout, "node_modules", "esbuild"));
    cpSync(resolve(__dirname, "../../gates/bundle.ts"), join(checkout, "gates", "bundle.ts"), {
      recursive: true,
    });
    write("node_modules/.package-lock.json", "{}");
    write("program/text.txt", "beside");
    write(
      "program/main.ts",
      `import { readFileSync } from "node:fs";
       import { join } from "node:path";
       import { part } from "./part.js";
       export const say = (): string => part + " " + readFileSync(join(__dirname, "text.txt"), "utf8");`,
    );
    write("program/part.ts", `export const part: string = "first";`);
  });

  afterEach(() => rm(checkout, { recursive: true }));

  it("does what its modules do, and finds what lies beside them", async () => {
    assert.equal(await run(), "first beside");
    assert.equal(bundles().length, 1);
  });

  it("is made once", async () => {
    await run();
    const [file = ""] = bundles();
    writeFileSync(join(cache, file), `exports.say = () => "the one that was made";`);
    assert.equal(await run(), "the one that was made");
  });

  it("is made again when a source changes, and the former goes", async () => {
    await run();
    const former = bundles();
    write("program/part.ts", `export const part: string = "second";`);
    assert.equal(await run(), "second beside");
    assert.equal(bundles().length, 1);
    assert.notDeepEqual(bundles(), former);
  });

  it("is made again when packages were installed, and when a source is gone", async () => {
    for (const change of [
      () => write("node_modules/.package-lock.json", `{"changed": true}`),
      () => {
        rmSync(join(checkout, "program", "part.ts"));
        write("program/part/index.ts", "");
        write("program/main.ts", `export const say = (): string => "without part";`);
      },
    ]) {
      await run();
      const [file = ""] = bundles();
      writeFileSync(join(cache, file), `exports.say = () => "old";`);
      change();
      assert.notEqual(await run(), "old");
    }
  });

  it("is loaded module by module where nothing can be written", async () => {
    writeFileSync(join(checkout, "node_modules", ".cache"), "a file in the way");
    assert.equal(await run(), "first beside");
  });

  it("that has a mistake says which, as its modules would", async () => {
    write("program/part.ts", `export const part: string = ;`);
    await assert.rejects(run(), /part\.ts/);
  });
});
