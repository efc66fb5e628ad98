import assert from "node:assert/strict";
import { join, resolve } from "node:path";

import { execa } from "execa";

import { needsCommands, needsRoot, skipBecause } from "../support/requirements.js";

const checkout = resolve(__dirname, "../..");

describe("npm start by a user who is not root", () => {
  it("says so and what to type, without a stack trace, and makes nothing", async function () {
    needsRoot(this);
    needsCommands(this, ["unshare"]);
    // A user namespace of its own: a process in it is not root, and reads the checkout as before.
    const { failed } = await execa("unshare", ["--user", "true"], { reject: false });
    if (failed) skipBecause(this, "needs user namespaces (unshare --user)");
    const loader = join(checkout, "bin/typescript.cjs");
    const { exitCode, stderr } = await execa(
      "unshare",
      ["--user", process.execPath, "--require", loader, join(checkout, "lab/start.ts")],
      { cwd: checkout, reject: false },
    );
    assert.equal(exitCode, 1);
    assert.match(stderr, /needs Linux and root: .* Run: sudo npm start/);
    assert.doesNotMatch(stderr, /^ +at /m);
  });
});
