import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import type * as bundle from "../../../gates/protocol/bundle.js";

/*
 * A program that is loaded as one file: in a checkout of its own, with the real bundler. That the
 * gates and the stand-ins run so is seen wherever tests run them.
 */

describe("a program as one file", () => {
  let checkout: string;
  let cache: string;

  const bundleFile = () => join(checkout, "gates", "protocol", "bundle.ts");

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), text);
  };

  /** What the program says, run by the checkout's own copy of gates/protocol/bundle.ts. */
  async function run(): Promise<string> {
    const file = bundleFile();
    const { loadProgram } = createRequire(file)(file) as typeof bundle;
    const { say } = await loadProgram<{ say: () => string }>(join(checkout, "program", "main.ts"));
    return say();
  }

  const places = () => readdirSync(cache).map((name) => join(cache, name));
  const bundles = () =>
    places().flatMap((place) =>
      readdirSync(place)
        .filter((name) => name.endsWith(".cjs"))
        .map((name) => join(place, name)),
    );

  /** Has the bundle that is there say this, as if it had been made so. */
  function forge(says: string): void {
    const [file = ""] = bundles();
    const text = `exports.say = () => ${JSON.stringify(says)};`;
    writeFileSync(file, text);
    const [record = ""] = readdirSync(dirname(file)).filter((name) => name.endsWith(".json"));
    const path = join(dirname(file), record);
    const known = JSON.parse(readFileSync(path, "utf8")) as { digest: string };
    known.digest = createHash("sha256").update(text).digest("hex");
    writeFileSync(path, JSON.stringify(known));
  }

  beforeEach(async () => {
    checkout = await mkdtemp(join(tmpdir(), "kiam-bundle-"));
    cache = join(checkout, "node_modules", ".cache", "kube2iam-to-kiam");
    const modules = resolve(__dirname, "../../../node_modules");
    mkdirSync(join(checkout, "node_modules"));
    symlinkSync(join(modules, "esbuild"), join(checkout, "node_modules", "esbuild"));
    mkdirSync(dirname(bundleFile()), { recursive: true });
    cpSync(resolve(__dirname, "../../../gates/protocol/bundle.ts"), bundleFile());
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
    forge("the one that was made");
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
      forge("old");
      change();
      assert.notEqual(await run(), "old");
    }
  });

  it("is made again when it is damaged or gone", async () => {
    for (const damage of [
      (file: string) => writeFileSync(file, ""),
      (file: string) => rmSync(file),
    ]) {
      await run();
      for (const file of bundles()) damage(file);
      assert.equal(await run(), "first beside");
      assert.equal(bundles().length, 1);
    }
  });

  it("is made again when a source was saved while it was being made", async () => {
    const made = run();
    // Wherever this comes in, the text that was read is not taken for this one.
    write("program/part.ts", `export const part: string = "saved meanwhile";`);
    await made;
    assert.equal(await run(), "saved meanwhile beside");
  });

  it("is another one in a copy of the checkout", async () => {
    await run();
    const original = checkout;
    checkout = await mkdtemp(join(tmpdir(), "kiam-bundle-"));
    cpSync(original, checkout, { recursive: true, verbatimSymlinks: true });
    write("program/text.txt", "beside the copy");
    assert.equal(await run(), "first beside the copy");
    await rm(original, { recursive: true });
  });

  it("is not made where nobody can tell which packages are installed", async () => {
    rmSync(join(checkout, "node_modules", ".package-lock.json"));
    assert.equal(await run(), "first beside");
    assert.deepEqual(bundles(), []);
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
