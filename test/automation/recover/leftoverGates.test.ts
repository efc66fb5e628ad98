import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { findLeftoverGates } from "../../../automation/recover/leftoverGates.js";
import { needsCommands } from "../../support/requirements.js";

/* Real processes in the place of gates and engines: what counts is their command lines and parents. */

describe("gates of an engine that has ended", () => {
  const started: number[] = [];
  let directory: string;

  before(async function () {
    needsCommands(this, ["ps"]);
    directory = await mkdtemp(path.join(tmpdir(), "kiam-gates-test-"));
    await mkdir(path.join(directory, "gates"));
    await writeFile(path.join(directory, "gates/main.ts"), "setTimeout(() => {}, 60_000);");
    await symlink(process.execPath, path.join(directory, "node"));
  });

  after(async () => {
    for (const pid of started) process.kill(pid, "SIGKILL");
    await rm(directory, { recursive: true, force: true });
  });

  /** A link to the shell, so that the process goes by that name. */
  async function shellNamed(name: string): Promise<string> {
    await mkdir(path.join(directory, path.dirname(name)), { recursive: true });
    const program = path.join(directory, name);
    await symlink("/bin/sh", program);
    return program;
  }

  /** Starts what prints the gate's pid, and returns that; `ends` once the outer program has ended. */
  async function gateStartedBy(program: string, script: string, ends: boolean): Promise<number> {
    const child = spawn(program, ["-c", script], { cwd: directory });
    const exited = once(child, "exit");
    const [pid] = (await once(child.stdout, "data")) as [Buffer];
    started.push(Number(pid));
    if (ends) await exited;
    return Number(pid);
  }

  const gate = (verb: string) =>
    `./node --experimental-strip-types gates/main.ts ${verb} 2>/dev/null >&2 & echo $!`;
  const leftover = async (pid: number) =>
    (await findLeftoverGates()).find((one) => one.pid === pid);

  it("are found by their verb, where their plugin is gone as well", async () => {
    const pid = await gateStartedBy("/bin/sh", gate("probe-live"), true);
    assert.deepEqual(await leftover(pid), { pid, verb: "probe-live" });
  });

  it("are found where their plugin lives on", async () => {
    const plugin = await shellNamed("orphan/pulumi-resource-command");
    const script = `${plugin} -c '${gate("fallback")}; wait' &`;
    const pid = await gateStartedBy("/bin/sh", script, true);
    assert.deepEqual(await leftover(pid), { pid, verb: "fallback" });
  });

  it("are not those whose engine lives, nor those that an operator runs by hand", async () => {
    const engine = await shellNamed("pulumi");
    const plugin = await shellNamed("pulumi-resource-command");
    const script = `${plugin} -c '${gate("fallback")}; wait' & wait`;
    assert.equal(await leftover(await gateStartedBy(engine, script, false)), undefined);
    const byHand = await shellNamed("terminal");
    const running = await gateStartedBy(byHand, `${gate("probe-live")}; wait`, false);
    assert.equal(await leftover(running), undefined);
  });
});
