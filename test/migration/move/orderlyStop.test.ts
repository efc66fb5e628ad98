import assert from "node:assert/strict";

import { mayBegin, StopAskedError, stopsAmong } from "../../../migration/move/orderlyStop.js";

/* Pure. That the engine begins nothing then is for test/engine/stopUpdate. */

describe("a stop in order", () => {
  it("lets as many workers begin as may be in hand, and parts at any time", () => {
    const course = { asked: false, most: 2 };
    assert.equal(mayBegin("worker", { ...course, inHand: 1 }), "now");
    assert.equal(mayBegin("worker", { ...course, inHand: 2 }), "later");
    assert.equal(mayBegin("part", { ...course, inHand: 2 }), "now");
  });

  it("begins nothing once it was asked for, and says so only when no worker is in hand", () => {
    for (const what of ["worker", "part"] as const) {
      assert.equal(mayBegin(what, { asked: true, inHand: 1, most: 2 }), "later");
      assert.equal(mayBegin(what, { asked: true, inHand: 0, most: 2 }), "never");
    }
  });

  it("is told from a failure by what the program and the gates say", () => {
    const program = `the update:\n  ${new StopAskedError().message}`;
    const left = new StopAskedError("kube2iam goes on running on worker-2, worker-3");
    const gate = `gate kube2iam-retirement:\n  exit status 1: running "node":\n${left.message}\n`;
    const failed = "gate worker-1-cutover-live:\n  not proven";
    assert.deepEqual(stopsAmong([program, gate, gate]), {
      asked: true,
      left: ["kube2iam goes on running on worker-2, worker-3"],
      others: [],
    });
    assert.deepEqual(stopsAmong([failed, program]), { asked: true, left: [], others: [failed] });
    assert.deepEqual(stopsAmong([failed]), { asked: false, left: [], others: [failed] });
  });
});
