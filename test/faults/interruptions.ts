import assert from "node:assert/strict";

import {
  InterruptedUpdateError,
  recoverInterrupted,
} from "../../automation/recover/interruptedUpdate.js";
import { lookAtWorkers } from "../../automation/recover/lookAtWorkers.js";
import { moveTo } from "../../automation/moveTo.js";
import type { MoveAnswer } from "../../automation/move/moveAnswer.js";
import { silentProgress } from "../../automation/progress.js";
import { takeOver } from "../../automation/recover/takeOver.js";
import { UpdateLockedError } from "../../automation/recover/updateLock.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { Stage } from "../../migration/stages.js";
import { fault } from "./fault.js";
import { upUntilKilled } from "./killEngine.js";
import { kiamMigrate } from "./kiamMigrate.js";
import type { Session } from "./session.js";

/*
 * The engine killed at every step, Ctrl-C, and two people at once. Does not prove anything about other
 * backends than files.
 */

interface Kill {
  stage: Stage;
  name: string;
  /** Milliseconds into the operation. */
  delayMs?: number;
}

/**
 * Kills the engine in one operation after the other, each time in the update that follows the
 * recovery; the last update is left alone and has to come to its end.
 */
async function killAtEach(
  lab: Session,
  operation: string,
  kills: readonly Kill[],
): Promise<string> {
  for (const { stage, name, delayMs } of kills) {
    const stack = await lab.stack(stage);
    const { killed } = await upUntilKilled(stack, stage, { operation, name, delayMs });
    assert.ok(killed, `${operation} ${name} was seen`);
    const unrecovered = moveTo(await lab.stack(stage), stage, { progress: silentProgress });
    await assert.rejects(unrecovered, InterruptedUpdateError);
    const look = lookAtWorkers(parseSettings(await lab.settings(stage)));
    // What moveTo's own recovery does, so that the next update can be killed as well.
    const left = await recoverInterrupted(stack, { look });
    assert.ok(left !== undefined, `${name} was recovered`);
    await takeOver(stack, left.operations, { progress: silentProgress });
  }
  await lab.mustReach(kills.at(-1)?.stage ?? "prepare");
  const names = kills.map(({ name }) => name).join(", ");
  return `${kills.length} times, each refused until it was recovered, then at its stage: ${names}`;
}

fault("engine killed (SIGKILL) at each step up to the agents, then rerun", {
  at: "prepare",
  leaves: "agent",
  run: (lab) =>
    killAtEach(lab, "create", [
      { stage: "server", name: "kiam-server" },
      { stage: "server", name: "kiam-server-verified", delayMs: 1000 },
      { stage: "agent", name: "kiam-agent" },
      { stage: "agent", name: "kiam-agent-verified", delayMs: 1000 },
      { stage: "agent", name: "worker-1-anchor" },
      { stage: "agent", name: "worker-2-shadow", delayMs: 1000 },
      { stage: "agent", name: "fallback", delayMs: 500 },
    ]),
});

fault("engine killed (SIGKILL) at each step of the cutover, then rerun", {
  at: "agent",
  leaves: "cutover",
  run: (lab) =>
    killAtEach(lab, "create", [
      { stage: "cutover", name: "worker-1-cutover-capture" },
      { stage: "cutover", name: "worker-1-cutover-recheck", delayMs: 1000 },
      { stage: "cutover", name: "worker-1-cutover-removal", delayMs: 150 },
      { stage: "cutover", name: "worker-1-cutover-rehearsal-restore", delayMs: 150 },
      { stage: "cutover", name: "worker-1-cutover-rehearsal-proof", delayMs: 1000 },
      { stage: "cutover", name: "worker-1-cutover-rehearsal-removal", delayMs: 150 },
      { stage: "cutover", name: "worker-1-cutover-live", delayMs: 1000 },
      { stage: "cutover", name: "worker-2-cutover-removal", delayMs: 300 },
    ]),
});

fault("engine killed (SIGKILL) at each step of the retirement, then rerun", {
  at: "cutover",
  leaves: "retire",
  run: (lab) =>
    killAtEach(lab, "create", [
      { stage: "retire", name: "kube2iam-retirement-capture" },
      { stage: "retire", name: "kube2iam-retirement", delayMs: 4000 },
    ]),
});

fault("engine killed (SIGKILL) on the way back, then rerun", {
  at: "retire",
  leaves: "server",
  run: (lab) =>
    killAtEach(lab, "delete", [
      { stage: "cutover", name: "kube2iam-retirement-undo", delayMs: 4000 },
      { stage: "agent", name: "worker-1-cutover-recheck", delayMs: 1000 },
      { stage: "server", name: "fallback", delayMs: 3000 },
    ]),
});

fault("two people at once", {
  at: "agent",
  leaves: "cutover",
  run: async (lab) => {
    const second = await lab.stack("cutover");
    // The first types Ctrl-C in the middle of a worker.
    const first = await kiamMigrate(lab, ["migrate", "--to", "cutover", "--yes", "--no-ssh"]);
    await first.says(/worker-1-cutover-recheck: done/);
    first.typeCtrlC();
    const refusal = await moveTo(second, "cutover", { progress: silentProgress }).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(refusal instanceof UpdateLockedError, String(refusal));
    const { exitCode, answer } = await first.ended<MoveAnswer>();
    assert.deepEqual([exitCode, answer.outcome], [3, "stopped"], answer.said);
    assert.match(
      answer.said,
      /^Done at stage cutover: 1 of 2 workers: worker-1\. Not done: worker-2\.$/m,
    );
    assert.match(answer.next[0] ?? "", /^kiam-migrate migrate --stack lab --to cutover/);
    assert.deepEqual(await lab.rules(), { "worker-1": "kiam", "worker-2": "kube2iam before kiam" });
    await lab.mustReach("cutover");
    return `the second was refused and touched nothing: ${refusal.message.split("\n")[0]} The first ended its worker, which kiam serves, and began no other`;
  },
});
