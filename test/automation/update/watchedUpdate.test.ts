import assert from "node:assert/strict";

import type { EngineEvent } from "@pulumi/pulumi/automation";

import { silentProgress } from "../../../automation/progress.js";
import { UpdateFailedError, watchedUpdate } from "../../../automation/update/watchedUpdate.js";

/*
 * What is made of an engine's events, with events that are told. That an engine tells these is for
 * test/engine/kiamMigrateMoves.
 */

describe("an update that fails", () => {
  const metadata = { op: "create", type: "kubernetes:apps/v1:DaemonSet", urn: "urn:it::a::b::c" };
  const begun = { resourcePreEvent: { metadata } } as unknown as EngineEvent;
  const summary = { summaryEvent: { resourceChanges: {} } } as unknown as EngineEvent;

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
