import assert from "node:assert/strict";
import type { Deployment } from "@pulumi/pulumi/automation";
import { execa } from "execa";

import type { StatusAnswer } from "../../automation/look/statusOfStack.js";
import type { MoveAnswer } from "../../automation/move/moveAnswer.js";
import { moveTo } from "../../automation/moveTo.js";
import { silentProgress } from "../../automation/progress.js";
import { pendingIn } from "../../automation/recover/pendingOperations.js";
import type { RecoverAnswer } from "../../automation/recover/recoverKnowingly.js";
import { UpdateLockedError } from "../../automation/recover/updateLock.js";
import { startPulumiCloud, type PulumiCloud } from "../../lab/standins/pulumiCloud/pulumiCloud.js";
import type { UntypedDeployment } from "../../lab/standins/pulumiCloud/stacks.js";
import { upUntilKilled } from "../faults/killEngine.js";
import { limit } from "./limit.js";
import {
  saysWhyUnreadable,
  stackOnBackend,
  untilOnlyGate,
  type StackOnBackend,
} from "./stackOnBackend.js";

/*
 * kiam-migrate on a stack of Pulumi Cloud, which keeps no locks: the real engine, and a stand-in for the
 * service. Does not prove what Pulumi Cloud itself answers beyond what its client reads, nor how long
 * its leases last; see lab/standins/pulumiCloud.
 */

/** As much of a state as is changed here. */
interface CloudState extends UntypedDeployment {
  deployment: { resources: [{ outputs?: object }] };
}

const watch = "kiam-migrate status --stack test --watch";
const cancel = "pulumi cancel --stack test";
const recover = "kiam-migrate recover --stack test";
const migrate = "migrate --to prepare --no-ssh --yes";

describe("kiam-migrate on Pulumi Cloud (a stand-in)", function () {
  this.timeout(limit);
  let cloud: PulumiCloud;
  let on: StackOnBackend;
  let stack: StackOnBackend["stack"];
  let command: StackOnBackend["command"];

  before("the stand-in, API server, IAM, engine and a stack", async function () {
    cloud = await startPulumiCloud();
    on = await stackOnBackend(this, cloud.address, { PULUMI_ACCESS_TOKEN: cloud.token });
    ({ stack, command } = on);
  });

  after("stop what was started", async () => {
    await on?.dispose();
    await cloud?.stop();
  });

  const kept = () => cloud.stack("test");
  const pending = () => pendingIn(kept().state as Deployment).map(({ what }) => what);

  /** What is said, and to be typed next, while an update runs or may run. */
  async function saysThatItRuns(): Promise<void> {
    const status = await command.json<StatusAnswer>("status");
    assert.deepEqual([status.exitCode, status.answer.update.at], [1, "running"]);
    assert.match(status.answer.update.said ?? "", /update by alice, begun .*(now|ago)/);
    assert.match(status.answer.update.said ?? "", /pulumi cancel --stack test/);
    assert.deepEqual(status.answer.next, [watch, cancel]);
    const moved = await command.json<MoveAnswer>(migrate);
    assert.deepEqual([moved.exitCode, moved.answer.outcome], [3, "locked"]);
    assert.deepEqual(moved.answer.next, [watch, cancel]);
    const recovered = await command.json<RecoverAnswer>("recover --yes");
    assert.deepEqual([recovered.exitCode, recovered.answer.outcome], [3, "locked"]);
    assert.deepEqual(recovered.answer.next, [watch, cancel]);
  }

  it("takes an update for running while it runs, and after its engine was killed", async () => {
    const once = async () => {
      await untilOnlyGate("kiam-tls", pending);
      await saysThatItRuns();
    };
    const at = { operation: "create", name: "kiam-tls", once };
    assert.equal((await upUntilKilled(stack, "prepare", at)).killed, true);
    await saysThatItRuns();
    assert.deepEqual([pending(), kept().past.length], [["gate kiam-tls"], 0], "nothing imported");
  });

  it("refuses an update that meets another one first when it begins", async () => {
    // By a preview of the state as it was before.
    const { inProgress, state } = kept();
    kept().state = {
      ...state,
      deployment: { ...(state.deployment as object), pending_operations: [] },
    };
    await assert.rejects(
      stack.up({ suppressProgress: true }),
      /\[409\] Conflict: Another update is currently in progress/,
    );
    await assert.rejects(
      moveTo(stack, "prepare", { progress: silentProgress }),
      (error) => error instanceof UpdateLockedError && /by alice/.test(error.message),
    );
    assert.equal(kept().inProgress, inProgress);
    kept().state = state;
  });

  it("is cut short once that update was cancelled, and says so", async () => {
    const [pulumi = "", ...words] = cancel.split(" ");
    await execa(pulumi, [...words, "--yes", "--non-interactive"], { cwd: on.directory });
    const { answer } = await command.json<StatusAnswer>("status");
    assert.equal(answer.update.at, "cut-short");
    assert.match(answer.update.said ?? "", /creating gate kiam-tls/);
    assert.deepEqual(answer.next, [recover]);
    const moved = await command.json<MoveAnswer>(migrate);
    assert.deepEqual([moved.exitCode, moved.answer.outcome], [3, "cut-short"]);
    assert.deepEqual(moved.answer.next, [recover]);
  });

  it("leaves no state older than what another update has written meanwhile", async () => {
    const newer = structuredClone(kept().state) as CloudState;
    newer.deployment.resources[0].outputs = { of: "another update" };
    cloud.beforeNextImport(() => wholeUpdate(newer));
    const { exitCode, answer } = await command.json<RecoverAnswer>("recover --yes");
    assert.deepEqual([exitCode, answer.outcome], [3, "refused"], answer.said);
    assert.match(answer.said, /another update/);
    const { deployment } = kept().state as CloudState;
    assert.deepEqual(deployment.resources[0].outputs, { of: "another update" });
  });

  /** Of someone else, from beginning to end. */
  function wholeUpdate(state: UntypedDeployment): void {
    const update = kept().start(kept().create("update", {}).id, 60);
    kept().state = state;
    kept().complete(update, "succeeded");
  }

  it("recovers once the lease of a killed engine has run out, goes on, and goes back", async () => {
    const at = { operation: "create", name: "kiam-tls" };
    const once = () => untilOnlyGate("kiam-tls", pending);
    assert.equal((await upUntilKilled(stack, "prepare", { ...at, once })).killed, true);
    const left = kept().inProgress ?? assert.fail("no update in progress");
    kept().renew(left, 0);

    const recovered = await command.json<RecoverAnswer>("recover", () => Promise.resolve("y"));
    assert.equal(recovered.exitCode, 0, recovered.answer.said);
    assert.deepEqual(pending(), []);
    const moved = await command.json<MoveAnswer>(migrate);
    assert.equal(moved.exitCode, 0, moved.answer.said);
    assert.ok(moved.answer.moves[0]?.steps.includes("create gate kiam-tls"));
    const { exitCode, answer } = await command.json<StatusAnswer>("status");
    assert.deepEqual([exitCode, answer.done, answer.update.at], [0, true, "rest"]);
    const versions = kept().past.length;
    const again = await command.json<RecoverAnswer>("recover");
    assert.deepEqual([again.exitCode, again.answer.outcome], [0, "nothing-to-do"]);
    assert.equal(kept().past.length, versions, "looking writes no state");
    const back = await command.json<MoveAnswer>("rollback --all --yes");
    assert.equal(back.exitCode, 0, back.answer.said);
  });

  it("says once why the service cannot be read", async () => {
    for (const [variable, value, code] of [
      ["PULUMI_ACCESS_TOKEN", "wrong", "backend-credentials"],
      // Nothing listens on port 1.
      ["PULUMI_BACKEND_URL", "http://127.0.0.1:1", "backend-unreachable"],
    ] as const) {
      const before = process.env[variable];
      process.env[variable] = value;
      await saysWhyUnreadable(command, code);
      process.env[variable] = before;
    }
  });
});
