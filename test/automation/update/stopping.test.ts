import assert from "node:assert/strict";

import { silentProgress } from "../../../automation/progress.js";
import { stopOnSignals } from "../../../automation/update/stopping.js";

/* Without an engine, and with signals that this process sends itself. Real ones are for test/engine/stopUpdate. */

describe("work that signals stop", () => {
  it("is asked by the first one, told by the second one to end at once, and nothing by a third one", async () => {
    const notes: string[] = [];
    const progress = { ...silentProgress, note: (said: string) => void notes.push(said) };
    await stopOnSignals(progress, (signal, atOnce) => {
      const aborted = () => [signal.aborted, atOnce.aborted];
      assert.deepEqual(aborted(), [false, false]);
      process.emit("SIGTERM", "SIGTERM");
      assert.deepEqual(aborted(), [true, false]);
      process.emit("SIGINT", "SIGINT");
      assert.deepEqual(aborted(), [true, true]);
      process.emit("SIGINT", "SIGINT");
      assert.match(String(signal.reason), /stopped by SIGTERM/);
      return Promise.resolve();
    });
    assert.deepEqual(
      notes.map((note) => note.split(/[.:]/, 2).join(":")),
      ["SIGTERM: stopping", "SIGINT: ending what is under way at once"],
    );
  });

  it("goes on where its terminal was closed, and nothing can be written there", () =>
    stopOnSignals(silentProgress, (signal) => {
      process.emit("SIGHUP", "SIGHUP");
      for (const stream of [process.stdout, process.stderr]) stream.emit("error", new Error("EIO"));
      assert.equal(signal.aborted, true);
      return Promise.resolve();
    }));
});
