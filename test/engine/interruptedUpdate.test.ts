import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import * as command from "@pulumi/command";
import { execa } from "execa";

import {
  InterruptedUpdateError,
  recoverInterrupted,
} from "../../automation/recover/interruptedUpdate.js";
import { destroyAll, moveTo, type MoveOptions } from "../../automation/moveTo.js";
import { pendingIn } from "../../automation/recover/pendingOperations.js";
import { silentProgress } from "../../automation/progress.js";
import { unlessLocked, UpdateLockedError } from "../../automation/recover/updateLock.js";
import { upUntilKilled } from "../faults/killEngine.js";
import { createStack, requireEngine, type TestStack } from "./engine.js";
import { limit } from "./limit.js";

/*
 * The real engine, killed at a chosen moment, on a directory as its backend; the stand-in for the
 * command provider. Does not prove anything about the official one.
 */

const removal = "worker-1-cutover-removal";

describe("an update that was cut short", function () {
  this.timeout(limit);
  let engine: string;
  let test: TestStack;
  let log: string;
  /** As long as this file is there, the command goes on. */
  let hold: string;

  before(function () {
    engine = requireEngine(this);
  });

  async function open(environment: Record<string, string> = {}): Promise<void> {
    test = await createStack(engine, environment);
    log = path.join(test.directory, "log");
    hold = path.join(test.directory, "hold");
    const say = (word: string) => `echo ${word} >> ${log}`;
    const slowly = (word: string) =>
      `${say(`${word}-begin`)}; sleep 3; while [ -e ${hold} ]; do sleep 0.1; done; ${say(word)}`;
    test.program(() => {
      const before = new command.local.Command("before", { create: say("before") });
      new command.local.Command(
        removal,
        { create: slowly("removed"), delete: slowly("restored") },
        { dependsOn: [before] },
      );
      return Promise.resolve();
    });
  }

  afterEach(async () => {
    await test?.dispose();
  });

  const done = () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []);
  const stageInConfig = async () => (await test.stack.getConfig("stage")).value;
  const pending = async () =>
    pendingIn(await test.stack.exportStack()).map(({ operation, what }) => `${operation} ${what}`);
  const lockDirectory = () => path.join(test.directory, ".pulumi/locks/organization/test/unit");
  const locks = async () =>
    existsSync(lockDirectory()) ? (await readdir(lockDirectory())).sort() : [];

  const options: MoveOptions = { progress: silentProgress };
  /** Looks that were asked for; each finds what it is told to. */
  function looking(...findings: string[]) {
    const looks: (readonly string[])[] = [];
    const look = (workers: readonly string[]) => {
      looks.push(workers);
      return Promise.resolve(findings);
    };
    return { looks, look };
  }

  async function killAtCreation(): Promise<number> {
    const { killed, pid } = await upUntilKilled(test.stack, "cutover", {
      operation: "create",
      name: removal,
      delayMs: 1_000,
    });
    assert.ok(killed);
    assert.deepEqual(done(), ["before", "removed-begin"], "killed in the middle of the command");
    return pid;
  }

  /** A gate that nobody waits for any more. */
  async function leftoverGate(): Promise<number> {
    await mkdir(path.join(test.directory, "gates"));
    await writeFile(path.join(test.directory, "gates/main.ts"), "setTimeout(() => {}, 60_000);");
    const gate = `${process.execPath} --experimental-strip-types gates/main.ts probe-live`;
    const script = `${gate} >/dev/null 2>&1 & echo $!`;
    const { stdout } = await execa("sh", ["-c", script], { cwd: test.directory });
    return Number(stdout);
  }

  it("is refused, saying what it was at, and recovered once the worker was looked at", async () => {
    await open();
    const pid = await killAtCreation();
    assert.deepEqual(await pending(), [`creating gate ${removal}`]);

    await assert.rejects(moveTo(test.stack, "agent", options), (error: Error) => {
      assert.ok(error instanceof InterruptedUpdateError, String(error));
      for (const word of [
        "cut short",
        `${userInfo().username} on host ${hostname()}, process ${pid}, since 20`,
        "no longer runs",
        `creating gate ${removal} (worker-1)`,
        "Recover it",
      ]) {
        assert.ok(error.message.includes(word), `${word} in:\n${error.message}`);
      }
      return true;
    });
    assert.equal(await stageInConfig(), "cutover", "the refused move has not touched the stage");

    const { looks, look } = looking();
    const recovered = await recoverInterrupted(test.stack, { look });
    assert.deepEqual(looks, [["worker-1"]]);
    assert.equal(recovered?.operations.length, 1);
    assert.deepEqual([await pending(), await locks()], [[], []]);
    assert.deepEqual(done(), ["before", "removed-begin"], "recovering runs no command");

    await moveTo(test.stack, "cutover", options);
    assert.deepEqual(done(), ["before", "removed-begin", "removed-begin", "removed"]);
    assert.deepEqual([await pending(), await locks()], [[], []]);
    assert.equal(await recoverInterrupted(test.stack, { look }), undefined, "nothing left to do");
    assert.equal(looks.length, 1);
  });

  it("is recovered also where the engine was killed while it wrote, and its state can't be read", async () => {
    await open();
    await killAtCreation();
    const attributes = path.join(test.directory, ".pulumi/stacks/test/unit.json.attrs");
    await truncate(attributes);
    await assert.rejects(test.stack.exportStack(), /failed to load checkpoint: EOF/);
    await assert.rejects(moveTo(test.stack, "cutover", options), (error: Error) => {
      assert.ok(error instanceof InterruptedUpdateError, String(error));
      assert.match(error.message, /unit\.json\.attrs was being written and is not whole/);
      return true;
    });
    assert.ok(existsSync(attributes), "a refused move touches nothing");

    const { looks, look } = looking();
    const recovered = await recoverInterrupted(test.stack, { look });
    assert.deepEqual(looks, [["worker-1"]], "what was under way is known again");
    assert.equal(recovered?.operations.length, 1);
    await moveTo(test.stack, "cutover", options);
    assert.deepEqual([await pending(), await locks()], [[], []]);
  });

  it("keeps everything while a gate runs, a worker is in no known state or can't be looked at", async () => {
    await open();
    await killAtCreation();
    const before = [await pending(), await locks()];
    const failing = () => Promise.reject(new Error("worker-1 does not answer"));
    for (const look of [looking("worker-1: neither rule is there").look, failing]) {
      const reason = look === failing ? /worker-1 does not answer/ : /neither rule is there/;
      await assert.rejects(
        moveTo(test.stack, "cutover", { ...options, recover: { look } }),
        (error: Error) => error instanceof InterruptedUpdateError && reason.test(error.message),
      );
    }
    const gate = await leftoverGate();
    await assert.rejects(
      recoverInterrupted(test.stack, { look: looking().look, leftoverSeconds: 0 }),
      (error: Error) =>
        error instanceof InterruptedUpdateError &&
        error.message.includes("gate probe-live of that update still runs") &&
        error.message.includes(`kill ${gate}`),
    );
    process.kill(gate, "SIGKILL");
    assert.deepEqual([await pending(), await locks()], before);
    assert.equal(
      before[1]?.some((name) => name.endsWith(".json")),
      true,
    );
    assert.deepEqual(done(), ["before", "removed-begin"]);
  });

  it("is recovered and repeated in one go, taking away as well", async () => {
    await open();
    await moveTo(test.stack, "cutover", options);
    test.program(() => {
      new command.local.Command("before", { create: `echo before >> ${log}` });
      return Promise.resolve();
    });
    const at = { operation: "delete", name: removal, delayMs: 1_000 };
    assert.equal((await upUntilKilled(test.stack, "agent", at)).killed, true);
    assert.deepEqual(await pending(), [`deleting gate ${removal}`]);

    await assert.rejects(destroyAll(test.stack, options), InterruptedUpdateError);
    const { looks, look } = looking();
    await destroyAll(test.stack, { ...options, recover: { look } });
    assert.deepEqual(looks, [["worker-1"]]);
    assert.deepEqual(done().slice(3), ["restored-begin", "restored-begin", "restored"]);
    assert.deepEqual([await pending(), await locks()], [[], []]);
    assert.deepEqual(await test.resources(), {});
  });

  it("is recovered on a backend whose locks can't be listed", async () => {
    // A layout whose locks lie elsewhere: only the engine's refusal tells of them.
    await open({
      PULUMI_DIY_BACKEND_LEGACY_LAYOUT: "true",
      PULUMI_DIY_BACKEND_IGNORE_DEPRECATION_ERROR: "true",
    });
    await killAtCreation();
    assert.deepEqual(await locks(), []);
    await assert.rejects(moveTo(test.stack, "cutover", options), InterruptedUpdateError);
    const { looks, look } = looking();
    await moveTo(test.stack, "cutover", { ...options, recover: { look } });
    assert.deepEqual(looks.at(-1), ["worker-1"]);
    assert.deepEqual(done().slice(2), ["removed-begin", "removed"]);
    assert.deepEqual(await pending(), []);
  });

  it("is not taken for one while it runs: the second of two people is refused", async () => {
    await open();
    await writeFile(hold, "");
    const first = moveTo(test.stack, "cutover", options);
    while (!done().includes("removed-begin")) await sleep(100);
    const { looks, look } = looking();
    for (const recover of [undefined, { look }]) {
      await assert.rejects(moveTo(test.stack, "agent", { ...options, recover }), (error: Error) => {
        assert.ok(error instanceof UpdateLockedError, String(error));
        assert.match(error.message, /Nothing was touched/);
        assert.ok(error.message.includes(`${userInfo().username} on host ${hostname()}, process `));
        assert.match(error.message, /running on this host. Wait until it has ended/);
        return true;
      });
    }
    assert.deepEqual(looks, []);
    assert.equal(done().includes("removed"), false, "the first was still at it");
    await rm(hold);
    await first;
    assert.deepEqual(done(), ["before", "removed-begin", "removed"]);
    assert.equal(await stageInConfig(), "cutover");
    assert.deepEqual(await pending(), []);
  });

  it("is refused by the engine where both begin at once", async () => {
    await open();
    const both = await Promise.allSettled([
      moveTo(test.stack, "cutover", options),
      moveTo(test.stack, "cutover", options),
    ]);
    const refused = both.filter((one) => one.status === "rejected");
    // Both may see the other's lock and give way; never do both go ahead.
    assert.ok(refused.length >= 1, "one has to give way");
    for (const one of refused)
      assert.ok(one.reason instanceof UpdateLockedError, String(one.reason));
    assert.equal(done().filter((word) => word === "removed-begin").length, 2 - refused.length);
  });

  it("leaves the lock of another host alone", async () => {
    await open();
    await mkdir(lockDirectory(), { recursive: true });
    const since = "2026-01-02T03:04:05Z";
    const lock = { pid: 4242, username: "alice", hostname: "ci-7", timestamp: since };
    await writeFile(path.join(lockDirectory(), "1.json"), JSON.stringify(lock));
    const { looks, look } = looking();
    for (const recover of [undefined, { look }]) {
      await assert.rejects(
        moveTo(test.stack, "cutover", { ...options, recover }),
        (error: Error) =>
          error instanceof UpdateLockedError &&
          /alice on host ci-7, process 4242/.test(error.message),
      );
    }
    assert.deepEqual([looks, await locks(), done()], [[], ["1.json"], []]);
    // That update may be writing beside the state at the very moment when this one's engine reads it.
    const engines = new Error("error: failed to load checkpoint: EOF");
    const told = () => unlessLocked(test.stack, () => Promise.reject(engines));
    await assert.rejects(told, UpdateLockedError);
    await rm(path.join(lockDirectory(), "1.json"));
    await assert.rejects(told, engines);
  });
});
