import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import {
  findPulumi,
  isLauncher,
  pathWithInstalledPulumi,
} from "../../../automation/stack/installedPulumi.js";

/* Files and a PATH. That kiam-migrate goes by it is for test/engine/firstContact.test.ts. */

describe("which pulumi", () => {
  let directory: string;
  const at = (...parts: string[]) => join(directory, ...parts);
  const npx = () => at("node_modules/.bin");

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kiam-pulumi-"));
    await mkdir(at("node_modules/pulumi"), { recursive: true });
    await mkdir(npx());
    await writeFile(at("node_modules/pulumi/run.js"), "#!/usr/bin/env node\n", { mode: 0o755 });
    await symlink("../pulumi/run.js", join(npx(), "pulumi"));
    for (const name of ["installed", "other", "node", "empty"]) await mkdir(at(name));
    for (const name of ["installed", "other"]) {
      await writeFile(at(name, "pulumi"), "#!/bin/sh\n", { mode: 0o755 });
    }
  });

  after(() => rm(directory, { recursive: true }));

  it("is the installed one, where npx has put the one of node_modules before it", () => {
    const path = [npx(), at("empty"), at("installed"), at("other")].join(delimiter);
    assert.equal(findPulumi(path), join(npx(), "pulumi"));
    const better = pathWithInstalledPulumi(path, at("node"));
    assert.equal(better, [at("node"), at("installed"), path].join(delimiter));
    assert.equal(findPulumi(better), at("installed/pulumi"));
    assert.equal(pathWithInstalledPulumi(better, at("node")), better, "once");
  });

  it("is the first of those that are installed, also where Node.js stands beside another", () => {
    const path = [npx(), at("installed"), at("other")].join(delimiter);
    assert.equal(findPulumi(pathWithInstalledPulumi(path, at("other"))), at("installed/pulumi"));
  });

  it("is that of node_modules where none is installed, and stays what it was elsewhere", () => {
    for (const path of [[npx(), at("empty")], [at("other"), npx(), at("installed")], [""]]) {
      const joined = path.join(delimiter);
      assert.equal(pathWithInstalledPulumi(joined, at("node")), joined);
    }
  });

  it("is no file that may not be run, and no directory", async () => {
    await mkdir(at("odd/pulumi"), { recursive: true });
    assert.equal(findPulumi(at("odd")), undefined);
    await mkdir(at("locked"));
    await writeFile(at("locked/pulumi"), "");
    await chmod(at("locked/pulumi"), 0o644);
    assert.equal(findPulumi(at("locked")), undefined);
  });

  it("is known to be the npm package's by where it really lies", () => {
    assert.equal(isLauncher(join(npx(), "pulumi")), true);
    assert.equal(isLauncher(at("installed/pulumi")), false);
  });
});
