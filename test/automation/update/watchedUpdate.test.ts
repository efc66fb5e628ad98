import assert from "node:assert/strict";

import type { EngineEvent } from "@pulumi/pulumi/automation";

import { silentProgress, type Progress } from "../../../automation/progress.js";
import { UpdateFailedError, watchedUpdate } from "../../../automation/update/watchedUpdate.js";
import { StopAskedError } from "../../../migration/move/orderlyStop.js";

/*
 * What is made of an engine's events, with events that are told. That an engine tells these is for
 * test/engine/kiamMigrateMoves.
 */

describe("an update that fails", () => {
  const metadata = { op: "create", type: "kubernetes:apps/v1:DaemonSet", urn: "urn:it::a::b::c" };
  const begun = { resourcePreEvent: { metadata } } as unknown as EngineEvent;
  const summary = { summaryEvent: { resourceChanges: {} } } as unknown as EngineEvent;

  it("shows what a stop has ended as stopped, and what failed as failed", async () => {
    const shown: string[] = [];
    const say = (word: string) => (title: string) => void shown.push(`${word} ${title}`);
    const progress: Progress = {
      ...silentProgress,
      step: (title) => ({
        ...silentProgress.step(title),
        fail: () => say("failed")(title),
        stop: () => say("stopped")(title),
      }),
    };
    const one = (name: string, error: string) => {
      const of = { ...metadata, urn: `urn:it::a::command:local:Command::${name}` };
      return [
        { resourcePreEvent: { metadata: of } },
        { diagnosticEvent: { severity: "error", urn: of.urn, message: error } },
        { resOpFailedEvent: { metadata: of } },
      ] as unknown as EngineEvent[];
    };
    const refused = one("worker-2-shadow", `exit 1: ${new StopAskedError().message}`);
    const failed = one("worker-1-cutover-live", "exit 1: kube2iam answers");
    const hanging = [{ stdoutEvent: { message: "^C received; cancelling" } }, begun];
    for (const events of [refused, failed, hanging as unknown as EngineEvent[]]) {
      await watchedUpdate({ progress }, ({ onEvent }) => {
        for (const event of events) onEvent?.(event);
        return Promise.reject(new Error("failed"));
      }).catch(() => {});
    }
    // Said when it fails, and again, to no effect, when the update ends.
    assert.deepEqual(
      [...new Set(shown)],
      [
        "stopped create gate worker-2-shadow",
        "failed create gate worker-1-cutover-live",
        "stopped create b c",
      ],
    );
  });

  async function failing(...events: EngineEvent[]): Promise<UpdateFailedError> {
    let failure: unknown;
    await watchedUpdate({ progress: silentProgress }, ({ onEvent }) => {
      for (const event of events) onEvent?.(event);
      return Promise.reject(new Error("all that the engine printed"));
    }).catch((error: unknown) => (failure = error));
    assert.ok(failure instanceof UpdateFailedError);
    return failure;
  }

  it("was cut short where the engine never said that it is over", async () => {
    const failure = await failing(begun);
    assert.equal(failure.cutShort, true);
    assert.match(failure.message, /^The engine ended in the middle of the update/);
    assert.doesNotMatch(failure.message, /all that the engine printed/);
  });

  it("was not where it did, nor where nothing had begun", async () => {
    for (const events of [[begun, summary], []]) {
      const failure = await failing(...events);
      assert.equal(failure.cutShort, false);
      assert.match(failure.message, /^The update failed\.[^]*all that the engine printed/);
    }
  });
});
