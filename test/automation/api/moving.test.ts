import assert from "node:assert/strict";

import * as api from "../../../automation/api/index.js";
import { errorOf } from "../../../automation/api/moving.js";
import type { MoveAnswer } from "../../../automation/move/moveAnswer.js";

/* Pure: which error a script gets for which end of a move. That moves end so is for test/engine. */

const answer: MoveAnswer = {
  stack: "staging",
  stages: ["server", "agent", "cutover"],
  all: false,
  planId: "0123456789ab",
  outcome: "done",
  said: "What happened.",
  blocked: undefined,
  differences: [],
  moves: [{ at: "server", milliseconds: 1, steps: [] }],
  next: ["kiam-migrate status --stack staging"],
};

describe("the error of a move that ended early", () => {
  const classes = {
    blocked: api.BlockedError,
    declined: api.NotApprovedError,
    "other-plan": api.OtherPlanError,
    locked: api.StackLockedError,
    "cut-short": api.CutShortError,
    stopped: api.StoppedError,
    failed: api.MoveFailedError,
  } as const;

  for (const [outcome, Class] of Object.entries(classes)) {
    it(`${outcome}: says what happened, in the word that --json has, and what to type`, () => {
      const cause = new Error("of the engine");
      const error = errorOf(answer, outcome as keyof typeof classes, cause);
      assert.ok(error instanceof Class && error instanceof api.MigrationError);
      assert.deepEqual(
        [error.name, error.outcome, error.message, error.stackName, error.next, error.cause],
        [Class.name, outcome, "What happened.", "staging", answer.next, cause],
      );
      assert.match(error.stack ?? "", /moving\.test/, "its stack is the trace");
    });
  }

  it("tells how far it came", () => {
    const failed = errorOf(answer, "failed", undefined);
    assert.ok(failed instanceof api.MoveFailedError);
    assert.deepEqual([failed.at, failed.moves], ["agent", answer.moves]);
    const all = { ...answer, stages: [], all: true, moves: [] };
    const stopped = errorOf(all, "stopped", undefined);
    assert.ok(stopped instanceof api.StoppedError);
    assert.equal(stopped.at, "nothing");
  });
});
