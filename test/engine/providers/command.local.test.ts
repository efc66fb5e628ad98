/**
 * The stand-in for local.Command under the real engine.
 *
 * Does not prove that the official plugin behaves the same: what is asserted here was read from its
 * source, version 1.2.1, and seen with the official binary.
 */
import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import path from "node:path";

import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import { createStack, requireEngine, type TestStack } from "../engine.js";
import { limit } from "../limit.js";

describe("stand-in: command, local", function () {
  this.timeout(limit);
  let test: TestStack;
  const log = () => path.join(test.directory, "log");
  const ran = async () => {
    const lines = (await readFile(log(), "utf8").catch(() => "")).trimEnd().split("\n");
    return lines.filter((line) => line !== "");
  };
  const command = (args: local.CommandArgs) => {
    test.program(() => {
      new local.Command("c", { environment: { LOG: log() }, ...args });
      return Promise.resolve();
    });
  };

  before(async function () {
    test = await createStack(requireEngine(this));
  });
  after(async () => {
    await test?.stack.destroy();
    await test?.dispose();
  });

  it("runs nothing in a preview, and create with stdin once", async () => {
    command({ create: 'echo "create $(cat)" >> $LOG; echo out; echo err >&2', stdin: "hello" });
    const preview = await test.stack.preview();
    assert.equal(preview.changeSummary.create, 2);
    assert.deepEqual(await ran(), []);

    await test.stack.up();
    assert.deepEqual(await ran(), ["create hello"]);
    const { c } = await test.resources();
    assert.equal(c?.outputs?.stdout, "out");
    assert.equal(c?.outputs?.stderr, "err");
    assert.match(c?.id ?? "", /^c[0-9a-f]{8}$/);

    const again = await test.stack.up();
    assert.deepEqual(again.summary.resourceChanges, { same: 2 });
    assert.deepEqual(await ran(), ["create hello"]);
  });

  it("runs create again in place when an input changes, with the former output", async () => {
    command({ create: 'echo "again $PULUMI_COMMAND_STDOUT" >> $LOG; echo out2' });
    const { summary } = await test.stack.up();
    assert.deepEqual(summary.resourceChanges, { same: 1, update: 1 });
    assert.equal((await ran()).at(-1), "again out");
  });

  it("runs update instead where there is one", async () => {
    command({
      create: "exit 9",
      update: 'echo "update $PULUMI_COMMAND_STDOUT" >> $LOG; echo out3',
    });
    await test.stack.up();
    assert.equal((await ran()).at(-1), "update out2");
  });

  it("replaces on changed triggers: create of the new, then delete of the old", async () => {
    const del = 'echo "delete $PULUMI_COMMAND_STDOUT" >> $LOG';
    command({ create: "echo first", update: "echo first", delete: del, triggers: [1] });
    await test.stack.up();
    const before = (await ran()).length;
    command({ create: "echo create2 >> $LOG; echo second", delete: del, triggers: [2] });
    const { summary } = await test.stack.up();
    assert.equal(summary.resourceChanges?.replace, 1);
    assert.deepEqual((await ran()).slice(before), ["create2", "delete first"]);
  });

  it("runs delete on removal, with the former output", async () => {
    test.program(() => Promise.resolve());
    await test.stack.up();
    assert.equal((await ran()).at(-1), "delete second");
  });

  it("reports a failure with the exit status and everything printed, and records nothing", async () => {
    command({ create: "echo seen; echo why >&2; exit 3" });
    await assert.rejects(test.stack.up(), (error: Error) => {
      assert.match(error.message, /exit status 3: running "echo seen; echo why >&2; exit 3":/);
      assert.match(error.message, /seen\n\s*why/);
      return true;
    });
    assert.equal((await test.resources()).c, undefined);
  });

  it("runs the given interpreter in the given directory", async () => {
    command({ create: "pwd; echo $0", interpreter: ["/bin/sh", "-eu", "-c"], dir: "/usr" });
    await test.stack.up();
    assert.equal((await test.resources()).c?.outputs?.stdout, "/usr\n/bin/sh");
  });

  it("keeps secret inputs and additional secret outputs encrypted", async () => {
    test.program(() => {
      const create = pulumi.secret("echo hidden-word");
      new local.Command("s", { create }, { additionalSecretOutputs: ["stdout"] });
      return Promise.resolve();
    });
    await test.stack.up();
    const file = path.join(test.directory, ".pulumi/stacks/test/unit.json");
    const state = await readFile(file, "utf8");
    assert.ok(state.includes("ciphertext"));
    assert.ok(!state.includes("hidden-word"), "the state shows a secret");
  });

  it("refuses what the stand-in cannot do", async () => {
    command({ create: "true", assetPaths: ["*"] });
    await assert.rejects(test.stack.up(), /assetPaths.*does not collect files/s);
  });

  it("kills the command and its children when its time is over", async () => {
    test.program(() => {
      const create = `echo $$ > ${log()}.pid; sleep 300 & echo $! >> ${log()}.pid; wait`;
      new local.Command("t", { create }, { customTimeouts: { create: "2s" } });
      return Promise.resolve();
    });
    await assert.rejects(test.stack.up(), /signal: killed/);
    const pids = (await readFile(`${log()}.pid`, "utf8")).trim().split("\n").map(Number);
    assert.equal(pids.length, 2);
    for (const pid of pids) {
      // Gone, or a zombie that nobody has fetched yet.
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
      assert.match(stat, /\) Z/);
    }
  });

  it("offers local.run, which runs at once", async () => {
    test.program(async () => {
      const { stdout } = await local.run({
        command: "echo $GREETING",
        environment: { GREETING: "hi" },
      });
      return { stdout };
    });
    await test.stack.up();
    const outputs = await test.outputs();
    assert.equal(outputs.stdout?.value, "hi");
  });
});
