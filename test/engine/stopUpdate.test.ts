import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import * as command from "@pulumi/command";
import { execa } from "execa";

import { moveTo } from "../../automation/moveTo.js";
import { pendingIn } from "../../automation/recover/pendingOperations.js";
import { silentProgress } from "../../automation/progress.js";
import { UpdateFailedError } from "../../automation/update/watchedUpdate.js";
import { engineOf } from "../faults/killEngine.js";
import { createStack, requireEngine, type TestStack } from "./engine.js";
import type { Ending } from "./stoppable.js";

/* The real engine, asked to stop in the middle of a command of the stand-in provider. */

describe("an update that is asked to stop", function () {
  this.timeout(180_000);
  let engine: string;
  let test: TestStack;
  let log: string;

  before(async function () {
    engine = requireEngine(this);
    test = await createStack(engine);
    log = path.join(test.directory, "log");
    test.program(() => {
      const slow = new command.local.Command("slow", {
        create: `echo slow-begin >> ${log}; sleep 4; echo slow >> ${log}`,
      });
      new command.local.Command("next", { create: `echo next >> ${log}` }, { dependsOn: [slow] });
      return Promise.resolve();
    });
  });

  after(async () => {
    await test?.dispose();
  });

  const done = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
  const count = (word: string) => done().filter((each) => each === word).length;

  async function slowCommandsBegun(times: number): Promise<void> {
    while (count("slow-begin") < times) await sleep(50);
  }

  async function assertNothingLeft(): Promise<void> {
    const directory = path.join(test.directory, ".pulumi/locks/organization/test/unit");
    assert.deepEqual(existsSync(directory) ? await readdir(directory) : [], [], "no lock");
    assert.deepEqual(pendingIn(await test.stack.exportStack()), []);
  }

  /** `interrupt`: what happens when the command is under way. */
  async function stopped(interrupt: (stop: AbortController) => void): Promise<void> {
    const stop = new AbortController();
    const begun = count("slow-begin");
    const move = moveTo(test.stack, "cutover", { progress: silentProgress, signal: stop.signal });
    const outcome = assert.rejects(move, (error: Error) => {
      assert.ok(error instanceof UpdateFailedError, String(error));
      assert.match(error.message, /^The update was stopped, as asked/);
      const engineSaid = String((error.cause as Error).message);
      assert.match(engineSaid, /received; cancelling/);
      assert.doesNotMatch(engineSaid, /received; terminating/, "asked once");
      return true;
    });
    await slowCommandsBegun(begun + 1);
    interrupt(stop);
    await outcome;
    assert.equal(count("slow"), 0, "it was ended, not waited for");
    assert.equal(count("next"), 0);
    await assertNothingLeft();
  }

  it("lets go of the stack and leaves nothing pending", () => stopped((stop) => stop.abort()));

  it("is not interrupted twice where Ctrl-C has reached the engine, too", () =>
    stopped((stop) => {
      process.kill(engineOf(test.stack), "SIGINT");
      stop.abort();
    }));

  it("does not begin where it was asked before", async () => {
    const begun = count("slow-begin");
    const options = { progress: silentProgress, signal: AbortSignal.abort(new Error("stopped")) };
    await assert.rejects(moveTo(test.stack, "cutover", options), /stopped/);
    assert.equal(count("slow-begin"), begun);
  });

  it("outlives SIGTERM to its process until the engine has let go", async () => {
    const driver = execa(
      process.execPath,
      ["--import", "tsx", path.join(__dirname, "stoppable.ts"), engine],
      { reject: false },
    );
    driver.stdout.on("data", (chunk: Buffer) => {
      if (chunk.includes("create gate slow")) driver.kill("SIGTERM");
    });
    const { stdout: said } = await driver;
    const ending = JSON.parse(said.slice(said.lastIndexOf("\n") + 1)) as Ending;
    assert.match(said, /^SIGTERM: stopping/m);
    assert.match(ending.threw, /The update was stopped, as asked/);
    assert.deepEqual({ ...ending, threw: "" }, { threw: "", pending: 0, locks: [] });
  });

  it("runs through the next time", async () => {
    await moveTo(test.stack, "cutover", { progress: silentProgress });
    assert.deepEqual(done().slice(-2), ["slow", "next"]);
  });
});
