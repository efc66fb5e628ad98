import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";

import type { StatusAnswer } from "../../automation/look/statusOfStack.js";
import type { MoveAnswer } from "../../automation/move/moveAnswer.js";
import type { RecoverAnswer } from "../../automation/recover/recoverKnowingly.js";
import { pendingIn } from "../../automation/recover/pendingOperations.js";
import { upUntilKilled } from "../faults/killEngine.js";
import { labPython } from "../lab/awsServer.js";
import { skipBecause } from "../support/requirements.js";
import { limit } from "./limit.js";
import { backendAt, startS3, type S3Server } from "./s3Server.js";
import {
  saysWhyUnreadable,
  stackOnBackend,
  untilOnlyGate,
  type StackOnBackend,
} from "./stackOnBackend.js";

/*
 * kiam-migrate on a stack whose state is in S3, where locks are no files: the real engine, and moto
 * for S3. Does not prove what AWS itself says to credentials and rights.
 */

/** As a backend without a service writes it. */
interface StateFile {
  checkpoint: { latest: object };
}

describe("kiam-migrate on a backend in S3", function () {
  this.timeout(limit);
  let s3: S3Server;
  let on: StackOnBackend;
  let stack: StackOnBackend["stack"];
  let command: StackOnBackend["command"];

  before("S3, API server, IAM, engine and a stack", async function () {
    const python = labPython();
    if ("missing" in python) return skipBecause(this, python.missing);
    s3 = await startS3(python.python);
    await s3.makeBucket("states");
    on = await stackOnBackend(this, s3.backend("states"));
    ({ stack, command } = on);
  });

  after("stop what was started", async () => {
    await on?.dispose();
    await s3?.stop();
  });

  const locks = () => s3.list("states", ".pulumi/locks/");
  const pending = async () => pendingIn(await stack.exportStack()).map(({ what }) => what);

  /** The lock that is there, as if an engine on another machine held it. */
  async function handOver(): Promise<{ key: string; before: string }> {
    const [key = assert.fail("no lock"), ...others] = await locks();
    assert.deepEqual(others, []);
    const before = await s3.read("states", key);
    const lock = JSON.parse(before) as object;
    await s3.write("states", key, JSON.stringify({ ...lock, hostname: "another-host" }));
    return { key, before };
  }

  it("says what a killed engine has left, and what to type", async () => {
    const file = ".pulumi/stacks/kube2iam-to-kiam/test.json";
    // Read by pulumi it would take longer than the gate lasts, on a busy machine.
    const underWay = async () => {
      const { checkpoint } = JSON.parse(await s3.read("states", file)) as StateFile;
      return pendingIn({ version: 3, deployment: checkpoint.latest }).map(({ what }) => what);
    };
    const once = () => untilOnlyGate("kiam-tls", underWay);
    const at = { operation: "create", name: "kiam-tls", once };
    assert.equal((await upUntilKilled(stack, "prepare", at)).killed, true);
    assert.deepEqual([(await locks()).length, await pending()], [1, ["gate kiam-tls"]]);

    const { exitCode, answer } = await command.json<StatusAnswer>("status");
    assert.deepEqual([exitCode, answer.update.at], [1, "cut-short"]);
    assert.match(answer.update.said ?? "", /creating gate kiam-tls/);
    assert.match(answer.update.said ?? "", /It no longer runs/, "the lock is told of");
    assert.deepEqual(answer.next, ["kiam-migrate recover --stack test"]);
    const refused = await command.json<MoveAnswer>("migrate --to prepare --no-ssh --yes");
    assert.deepEqual([refused.exitCode, refused.answer.outcome], [3, "cut-short"]);
    assert.deepEqual(refused.answer.next, ["kiam-migrate recover --stack test"]);
  });

  it("takes nothing for cut short that may be running on another machine", async () => {
    const { key, before } = await handOver();
    const { answer } = await command.json<StatusAnswer>("status");
    assert.equal(answer.update.at, "running");
    assert.match(answer.update.said ?? "", /on host another-host, /);
    const move = await command.json<MoveAnswer>("migrate --to prepare --no-ssh --yes");
    assert.deepEqual([move.exitCode, move.answer.outcome], [3, "locked"]);
    const recover = await command.json<RecoverAnswer>("recover --yes");
    assert.deepEqual([recover.exitCode, recover.answer.outcome], [3, "locked"]);
    assert.deepEqual(recover.answer.next, ["kiam-migrate status --stack test --watch"]);
    assert.deepEqual([await locks(), await pending()], [[key], ["gate kiam-tls"]]);
    await s3.write("states", key, before);
  });

  it("recovers, goes on, and then has nothing left to do", async () => {
    const recovered = await command.json<RecoverAnswer>("recover", () => Promise.resolve("y"));
    assert.equal(recovered.exitCode, 0, recovered.answer.said);
    assert.deepEqual([await locks(), await pending()], [[], []]);
    const moved = await command.json<MoveAnswer>("migrate --to prepare --no-ssh --yes");
    assert.equal(moved.exitCode, 0, moved.answer.said);
    assert.ok(moved.answer.moves[0]?.steps.includes("create gate kiam-tls"));
    const { exitCode, answer } = await command.json<StatusAnswer>("status");
    assert.deepEqual([exitCode, answer.done, answer.update.at], [0, true, "rest"]);
    assert.equal(answer.stage.reached, "prepare");
    const states = await s3.list("states", ".pulumi/");
    const again = await command.json<RecoverAnswer>("recover");
    assert.deepEqual([again.exitCode, again.answer.outcome], [0, "nothing-to-do"]);
    assert.deepEqual(await s3.list("states", ".pulumi/"), states, "looking writes no state");
  });

  it("clears a lock that is all that an engine has left, and none that came while it asked", async () => {
    const { pid } = spawnSync("true");
    const lock = { pid, username: "alice", hostname: hostname(), timestamp: new Date() };
    const key = ".pulumi/locks/organization/kube2iam-to-kiam/test/1.json";
    await s3.write("states", key, JSON.stringify(lock));
    let before: string | undefined;
    const { exitCode, answer } = await command.json<RecoverAnswer>("recover", async () => {
      before = (await handOver()).before;
      return "y";
    });
    assert.match(answer.left.join("\n"), /alice on host .*, process \d+.*\n.*no longer runs/);
    assert.ok(before, "it asked");
    assert.deepEqual([exitCode, answer.outcome], [3, "locked"], answer.said);
    assert.match(answer.said, /alice on host another-host/);
    assert.deepEqual(await locks(), [key]);
    await s3.write("states", key, before);
    const cleared = await command.json<RecoverAnswer>("recover --yes");
    assert.deepEqual([cleared.exitCode, cleared.answer.outcome], [0, "recovered"]);
    assert.deepEqual(await locks(), []);
  });

  it("says once why the state cannot be read", async () => {
    for (const [backend, code] of [
      [s3.backend("elsewhere"), "backend-bucket-missing"],
      // Nothing listens on port 1.
      [backendAt("states", 1), "backend-unreachable"],
    ] as const) {
      process.env.PULUMI_BACKEND_URL = backend;
      await saysWhyUnreadable(command, code);
    }
    process.env.PULUMI_BACKEND_URL = s3.backend("states");
  });
});
