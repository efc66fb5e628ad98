import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { writeFiles } from "../../../cli/newNodes/writeFiles.js";
import { skipBecause } from "../../support/requirements.js";

/* Real: the file system. What the files hold is for test/engine/kiamMigrate.test.ts. */

const files = [
  { file: "kops.yaml", text: "spec:\n" },
  { file: "boot-guard.sh", text: "#!/bin/sh\n" },
];

describe("the files of kiam-migrate new-nodes", () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), "kiam-new-nodes-"))));
  afterEach(() => rm(directory, { recursive: true }));

  it("are written below directories that were not there, also by two at once", async () => {
    const below = join(directory, "groups/new");
    const write = () => writeFiles(below, "staging", files);
    const [written] = await Promise.all([write(), write()]);
    assert.deepEqual(
      written,
      files.map(({ file }) => join(below, file)),
    );
    for (const { file, text } of files) {
      assert.equal(await readFile(join(below, file), "utf8"), text);
    }
  });

  it("are refused where no directory can be made, with what to do", async function () {
    if (process.platform !== "linux") skipBecause(this, "needs Linux (/proc)");
    // Node's own recursive mkdir never ends there.
    await assert.rejects(
      writeFiles("/proc/kiam/groups", "staging", files),
      /cannot be written to \/proc\/kiam\/groups: ENOENT.*None was written.*What to do: .*--stack staging --directory new-nodes$/,
    );
  });

  it("are named where only some could be written", () =>
    assert.rejects(
      writeFiles(directory, "staging", [...files, { file: "no/such/file", text: "" }]),
      /Written was .*kops\.yaml, .*boot-guard\.sh;/,
    ));
});
