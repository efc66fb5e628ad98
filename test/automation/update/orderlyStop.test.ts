import assert from "node:assert/strict";
import { existsSync } from "node:fs";

import { OrderlyStop, withOrderlyStop } from "../../../automation/update/orderlyStop.js";
import { StopAskedError } from "../../../migration/move/orderlyStop.js";

/* Without an engine: who may begin, and when. */

describe("what may begin in an update that can be stopped", () => {
  /** What becomes of each that asks, in order. */
  function told() {
    const said: string[] = [];
    const tell = (who: string, asked: Promise<void>) =>
      asked.then(
        () => void said.push(`${who} begins`),
        (error: unknown) => {
          assert.ok(error instanceof StopAskedError);
          said.push(`${who} never begins`);
        },
      );
    return { said, tell };
  }

  it("brings those in hand to their end, and refuses the others only then", () => {
    const stop = new AbortController();
    return withOrderlyStop(stop.signal, async (updates) => {
      assert.ok(updates !== undefined);
      const { said, tell } = told();
      const all = [
        tell("worker-1", updates.worker()),
        tell("worker-2", updates.worker()),
        tell("a part", updates.part()),
      ];
      await Promise.all(all);
      assert.equal(existsSync(updates.file), false);
      stop.abort();
      assert.equal(existsSync(updates.file), true, "for gates to see");
      const refused = [tell("worker-3", updates.worker()), tell("the next part", updates.part())];
      updates.workerEnded();
      await new Promise(setImmediate);
      assert.deepEqual(said, ["worker-1 begins", "worker-2 begins", "a part begins"]);
      updates.workerEnded();
      await Promise.all(refused);
      assert.deepEqual(said.slice(3), ["worker-3 never begins", "the next part never begins"]);
      assert.throws(() => updates.refuseIfAsked(), StopAskedError);
    });
  });

  it("lets another worker begin once one has ended", () =>
    withOrderlyStop(new AbortController().signal, async ({ file } = assert.fail()) => {
      const updates = new OrderlyStop(new AbortController().signal, file, 1);
      const { said, tell } = told();
      await tell("worker-1", updates.worker());
      const second = tell("worker-2", updates.worker());
      await new Promise(setImmediate);
      assert.deepEqual(said, ["worker-1 begins"]);
      updates.workerEnded();
      await second;
      assert.deepEqual(said, ["worker-1 begins", "worker-2 begins"]);
    }));

  it("is nothing where it was asked for before, and leaves no file behind", async () => {
    let file = "";
    await withOrderlyStop(AbortSignal.abort(), async (updates = assert.fail()) => {
      file = updates.file;
      await assert.rejects(updates.part(), StopAskedError);
      assert.equal(existsSync(file), true);
    });
    assert.equal(existsSync(file), false);
  });

  it("can not be stopped in order without a signal", () =>
    withOrderlyStop(undefined, (updates) => Promise.resolve(assert.equal(updates, undefined))));
});
