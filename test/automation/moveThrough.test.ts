import assert from "node:assert/strict";

import type { Stack } from "@pulumi/pulumi/automation";

import { moveThrough } from "../../automation/moveThrough.js";
import { silentProgress } from "../../automation/progress.js";
import { withOrderlyStop } from "../../automation/update/orderlyStop.js";

/* With a stack that must not be touched. What the updates of a route do is for test/engine/kiamMigrateMoves. */

describe("a move through stages", () => {
  it("begins no stage after it was asked to stop, in order or at once", async () => {
    const untouched = new Proxy({} as Stack, {
      get: (_stack, name) => assert.fail(`the stack was asked for ${String(name)}`),
    });
    const progress = { ...silentProgress, note: () => assert.fail("a stage was announced") };
    const route = { stages: ["agent", "cutover"], all: false } as const;
    const signal = AbortSignal.abort();
    const nothing = {
      moves: [],
      failure: {
        at: "agent",
        kind: "stopped",
        message: "Stopped, as asked, before stage agent: nothing of that was begun.",
      },
    };
    assert.deepEqual(await moveThrough(untouched, route, { progress, signal }), nothing);
    await withOrderlyStop(signal, async (stop) =>
      assert.deepEqual(await moveThrough(untouched, route, { progress, stop }), nothing),
    );
  });
});
