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
import { withOrderlyStop } from "../../automation/update/orderlyStop.js";
import { createStack, requireEngine, type TestStack } from "./engine.js";
import { ScriptedCutovers } from "./scriptedCutovers.js";
import type { Ending } from "./stoppable.js";
import { limit } from "./limit.js";

/* The real engine, asked to stop in the middle of a command of the stand-in provider. */

describe("an update that is ended at once", function () {
  this.timeout(limit);
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

  it("outlives Ctrl-C on its terminal: the first asks the program alone, the second ends the gate", async () => {
    const driver = execa(
      process.execPath,
      ["--import", "tsx", path.join(__dirname, "stoppable.ts"), engine],
      // A process group of its own, as a terminal's foreground is.
      { reject: false, detached: true },
    );
    const ctrlC = () => process.kill(-driver.pid!, "SIGINT");
    let askedAt = 0;
    driver.stdout.on("data", (chunk: Buffer) => {
      if (chunk.includes("create gate slow") && askedAt === 0) {
        askedAt = Date.now();
        ctrlC();
        // Long enough for an engine that has got it as well to end.
        setTimeout(ctrlC, 2_000);
      }
    });
    const { stdout: said } = await driver;
    const ending = JSON.parse(said.slice(said.lastIndexOf("\n") + 1)) as Ending;
    assert.match(said, /^SIGINT: stopping\. What is under way on a worker comes to its end/m);
    assert.match(said, /^SIGINT: ending what is under way at once/m);
    assert.match(ending.threw, /The update was stopped, as asked\. Gates .* were ended/);
    assert.deepEqual({ ...ending, threw: "" }, { threw: "", pending: 0, locks: [] });
  });

  it("runs through the next time", async () => {
    await moveTo(test.stack, "cutover", { progress: silentProgress });
    assert.deepEqual(done().slice(-2), ["slow", "next"]);
  });
});

/* The real engine and the cutover as it is declared, with gates that are scripts. */

describe("an update that is asked to stop in order", function () {
  this.timeout(limit);
  let test: TestStack;
  let gates: ScriptedCutovers;

  before(async function () {
    test = await createStack(requireEngine(this));
    gates = await ScriptedCutovers.in(test.directory);
  });

  beforeEach(() => gates.forgetLog());

  after(async () => {
    await test?.dispose();
  });

  /** Runs an update, and asks it to stop when these steps are under way. */
  async function stopsAt(steps: string[], back = false): Promise<void> {
    const stop = new AbortController();
    await gates.hold(...steps);
    await withOrderlyStop(stop.signal, async (updates) => {
      test.program(gates.program(updates, back));
      const options = { progress: silentProgress, stop: updates, parallel: back ? 1 : 10 };
      const stopped = assert.rejects(moveTo(test.stack, "cutover", options), (error: Error) => {
        assert.ok(error instanceof UpdateFailedError && error.stopped, String(error));
        assert.match(
          error.message,
          /^The update was stopped, as asked, after \d+ steps?\. What was under way has [^\n]*$/,
        );
        return true;
      });
      await gates.begun(...steps);
      stop.abort();
      await gates.letGoOn(...steps);
      await stopped;
    });
    assert.deepEqual(pendingIn(await test.stack.exportStack()), []);
  }

  const stepsOf = (worker: string) =>
    gates.log.filter((step) => step.endsWith(worker)).map((step) => step.split(" ")[0]);
  const wholeMove = ["capture-rule", "recheck-worker", "remove-rule", "probe-live"];

  it("brings the workers in hand to their end, and begins no other", async () => {
    await stopsAt(["remove-rule worker-2", "recheck-worker worker-3", "capture-rule worker-4"]);
    assert.deepEqual(stepsOf("worker-2"), wholeMove);
    assert.deepEqual(stepsOf("worker-3"), wholeMove);
    assert.deepEqual(stepsOf("worker-4"), ["capture-rule"], "that only looks");
    assert.deepEqual(stepsOf("worker-5"), []);
  });

  it("goes on from there with the next one", async () => {
    test.program(gates.program(undefined));
    await moveTo(test.stack, "cutover", { progress: silentProgress });
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((each) => stepsOf(`worker-${each}`).length),
      [0, 0, 0, 3, 4],
    );
  });

  it("brings back the worker in hand, and leaves the others as they are", async () => {
    await stopsAt(["return-worker worker-5"], true);
    const left = Object.keys(await test.resources()).filter((name) => name.endsWith("-recheck"));
    assert.deepEqual(
      left.sort(),
      [1, 2, 3, 4].map((each) => `worker-${each}-cutover-recheck`),
    );
  });
});
