import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";

import pWaitFor from "p-wait-for";

import { stateOfOwner } from "../../../automation/recover/lockOwner.js";
import { findCommand, skipBecause } from "../../support/requirements.js";

/* Real processes of this machine, in the place of an engine. */

const longAgo = new Date("2001-01-01T00:00:00Z");

describe("the owner of a lock", () => {
  const started: ChildProcess[] = [];
  let directory: string;

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "kiam-owner-test-"));
  });

  after(async () => {
    for (const child of started) child.kill("SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  const here = (pid: number, since = new Date()) => stateOfOwner({ host: hostname(), pid, since });

  function needsProc(context: Mocha.Context): void {
    if (process.platform !== "linux") skipBecause(context, "needs Linux's /proc");
  }

  it("runs, where the process is there and was there before the lock", async () => {
    assert.equal(await here(process.pid), "running");
  });

  it("has ended, where there is no such process", async () => {
    const child = spawnSync("true");
    assert.equal(await here(child.pid), "ended");
  });

  it("has ended, where its number was given to a process that began after the lock", async function () {
    needsProc(this);
    assert.equal(await here(process.pid, longAgo), "ended");
  });

  it("has ended, where it is dead and only not collected yet", async function () {
    needsProc(this);
    const child = spawn("sh", ["-c", "sleep 0.1 & echo $!; exec sleep 60"]);
    started.push(child);
    const [pid] = (await once(child.stdout, "data")) as [Buffer];
    // Its parent never collects it. Throws if another process did: then this proves nothing.
    await pWaitFor(() => / Z /.test(readFileSync(`/proc/${Number(pid)}/stat`, "utf8")));
    assert.equal(await here(Number(pid)), "ended");
  });

  it("counts as running, where an engine has that number, whenever it began", async function () {
    needsProc(this);
    await symlink(findCommand("sleep") ?? "sleep", path.join(directory, "pulumi"));
    const engine = spawn(path.join(directory, "pulumi"), ["60"]);
    started.push(engine);
    await once(engine, "spawn");
    assert.equal(await here(engine.pid ?? 0, longAgo), "running");
  });

  it("can't be told on a host of another name, not even where the number is free here", async () => {
    const { pid } = spawnSync("true");
    assert.equal(await stateOfOwner({ host: "ci-7", pid, since: new Date() }), "elsewhere");
  });
});
