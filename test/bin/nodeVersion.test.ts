import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { execa } from "execa";

/*
 * Each way in, with a Node.js that says that it is another one. What an old Node.js itself makes of
 * the files is not proven.
 */

const checkout = resolve(__dirname, "../..");

describe("a Node.js that is too old", () => {
  let directory: string;
  let pretend: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kiam-node-"));
    pretend = join(directory, "pretend.cjs");
    await writeFile(
      pretend,
      'Object.defineProperty(process, "version", { value: process.env.PRETENDED });\n',
    );
  });

  after(() => rm(directory, { recursive: true }));

  const as = (version: string, ...args: string[]) =>
    execa(process.execPath, ["--require", pretend, ...args], {
      cwd: checkout,
      env: { PRETENDED: version },
      reject: false,
    });

  const ways = {
    "kiam-migrate": ["bin/kiam-migrate.mjs", "--help"],
    "npm start": ["--require", "./bin/typescript.cjs", "lab/start.ts", "--help"],
    "the Pulumi program": ["--import", "tsx", "index.ts"],
  };
  for (const [way, args] of Object.entries(ways)) {
    it(`is told of by ${way}, before anything else`, async () => {
      for (const version of ["v18.20.4", "v22.11.0"]) {
        const { exitCode, stderr, stdout } = await as(version, ...args);
        assert.equal(exitCode, 3, stderr);
        assert.match(
          stderr,
          new RegExp(`^This Node\\.js is too old: ${version} \\[node-too-old\\]\n`),
        );
        assert.match(stderr, /what to do: npm ci/);
        assert.doesNotMatch(stderr, /^ +at /m, "no stack trace");
        assert.equal(stdout, "");
      }
    });
  }

  it("is not said of one that is new enough", async () => {
    for (const version of ["v22.12.0", "v23.0.0", "v24.1.0"]) {
      const { exitCode, stdout } = await as(version, "bin/kiam-migrate.mjs", "--help");
      assert.equal(exitCode, 0);
      assert.match(stdout, /Usage: kiam-migrate/);
    }
  });
});
