import assert from "node:assert/strict";

import type { MoveAnswer } from "../../../automation/move/moveAnswer.js";
import { moveAsText, moveExitCode } from "../../../cli/move/moveAnswer.js";

/* Pure: what people read. The commands themselves are for test/engine/kiamMigrateMoves.test.ts. */

function answer(change: Partial<MoveAnswer>): MoveAnswer {
  return {
    stack: "staging",
    stages: ["server", "agent"],
    all: false,
    planId: "0123456789ab",
    outcome: "done",
    said: "Stack staging is at stage agent.",
    blocked: undefined,
    differences: [],
    moves: [],
    next: [],
    ...change,
  };
}

describe("the answer of kiam-migrate migrate and rollback", () => {
  it("says what each update did, what came of it, and what to type next", () => {
    const text = moveAsText(
      answer({
        moves: [
          { at: "server", milliseconds: 8_600, steps: ["create a", "create b"] },
          { at: "nothing", milliseconds: 65_000, steps: ["delete a"] },
        ],
        next: ["kiam-migrate status --stack staging"],
      }),
    );
    assert.equal(
      text,
      [
        "stage server: 2 steps in 8.6 s",
        "everything taken away: 1 step in 1 min 05 s",
        "Stack staging is at stage agent.",
        "Next:",
        "  kiam-migrate status --stack staging",
      ].join("\n"),
    );
  });

  it("shows the first of many differences, and nothing that a terminal acts on", () => {
    const differences = Array.from({ length: 50 }, (_, index) => `+ worker w-${index}: \u001b[2J`);
    const text = moveAsText(answer({ outcome: "other-plan", differences }));
    assert.match(text, /\+ worker w-39: \\u001b\[2J\n {2}and 10 more: see --json$/);
    assert.ok(!text.includes("\u001b") && !text.includes("w-40"));
  });

  it("ends with the exit code of its outcome", () => {
    const codes = (["done", "nothing-to-do", "blocked", "declined", "other-plan"] as const).map(
      (outcome) => moveExitCode({ outcome }),
    );
    assert.deepEqual(codes, [0, 0, 1, 1, 1]);
    for (const outcome of ["failed", "stopped", "locked", "cut-short"] as const) {
      assert.equal(moveExitCode({ outcome }), 3);
    }
  });
});
