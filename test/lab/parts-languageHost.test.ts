import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { packageVersion } from "../../lab/parts/context.js";
import { languageHostSources } from "../../lab/parts/languageHost.js";
import { search } from "../../lab/parts/search.js";
import { CHECKOUT } from "../../lab/paths.js";

// The engines here are shell scripts: that the real one finds its language host where it is put, the
// tests of the stand-in show (test/standins/languages).

describe("lab/parts: the language host", () => {
  const standIn = join(CHECKOUT, "lab/standins/languages/nodejs/pulumi-language-nodejs");
  let directory: string;
  let engine: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "parts-language-host-"));
    engine = join(directory, "engine");
    await mkdir(join(engine, "bin"), { recursive: true });
    await script("pulumi", "echo v3");
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** A program of the engine that is a shell script. */
  async function script(name: string, body: string): Promise<void> {
    const path = join(engine, "bin", name);
    // As an installer does: the former file stays what it is for those that have linked it.
    await rm(path, { force: true });
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
  }

  const find = (root = engine) =>
    search("language host", languageHostSources({ cache: join(directory, "cache") }, root));

  it("is taken from beside the engine where one lies there", async () => {
    await script("pulumi-language-nodejs", `exec '${standIn}' "$@"`);
    assert.deepEqual(await find(), {
      value: engine,
      version: await packageVersion("@pulumi/pulumi"),
      origin: "official",
    });
  });

  it("is not replaced where the one that lies there does not work", async () => {
    await script("pulumi-language-nodejs", "echo broken >&2; exit 1");
    await assert.rejects(find(), /without printing a port\nbroken/);
  });

  it("is a stand-in beside the same engine where there is none, and is found to be one", async () => {
    const found = await find();
    assert.equal(found.origin, "stand-in");
    assert.notEqual(found.value, engine);
    const [given, used] = await Promise.all(
      [engine, found.value].map((root) => stat(join(root, "bin", "pulumi"))),
    );
    assert.equal(used?.ino, given?.ino, "the very file");
    assert.deepEqual(await find(found.value), found);
  });

  it("goes with the engine that lies there now", async () => {
    const first = await find();
    await script("pulumi", "echo v3, a newer one");
    const second = await find();
    assert.notEqual(second.value, first.value);
    assert.match(await readFile(join(second.value, "bin", "pulumi"), "utf8"), /a newer one/);
  });
});
