import assert from "node:assert/strict";

import { confirmationOf } from "../../../migration/move/confirmation.js";
import { commandsAfter, commandsAfterRecovery } from "../../../migration/move/outcome.js";

/* Pure: what is asked before a move, and what is said after one that ended early. */

describe("the question before a move", () => {
  const does = "Move it";

  it("takes a y for any stack but production's", () => {
    const { question, accepts } = confirmationOf("staging", does);
    assert.equal(question, "Move it? [y/N]");
    for (const yes of ["y", "Y", " yes "]) assert.equal(accepts(yes), true, yes);
    for (const no of ["", "n", "staging", "yess"]) assert.equal(accepts(no), false, no);
    assert.equal(confirmationOf("delivery", does).question, question);
  });

  it("wants the stack's name for production", () => {
    for (const stack of ["production", "acme/kiam/eu-prod", "Live", "eu-live-2"]) {
      const { question, accepts } = confirmationOf(stack, does);
      assert.match(question, /Type the name of the stack/);
      assert.equal(accepts(` ${stack}\n`), true);
      for (const no of ["y", "yes", "", "prod"]) assert.equal(accepts(no), false, no);
    }
  });
});

describe("the commands after a move that ended early", () => {
  const move = { stack: "staging", to: "retire", back: false, all: false } as const;

  it("go on, or back to the stage before the one that failed", () => {
    for (const kind of ["failed", "stopped"] as const) {
      assert.deepEqual(commandsAfter({ ...move, kind, at: "cutover" }), [
        "kiam-migrate migrate --stack staging --to retire",
        "kiam-migrate rollback --stack staging --to agent",
        "kiam-migrate status --stack staging",
      ]);
    }
    assert.equal(
      commandsAfter({ ...move, kind: "failed", at: "prepare" })[1],
      "kiam-migrate rollback --stack staging --all",
    );
  });

  it("go on with the way back", () => {
    const back = { ...move, back: true, to: "server", at: "agent", kind: "failed" } as const;
    assert.equal(commandsAfter(back)[0], "kiam-migrate rollback --stack staging --to server");
    assert.equal(
      commandsAfter({ ...back, all: true, at: "nothing" })[0],
      "kiam-migrate rollback --stack staging --all",
    );
  });

  it("are about the other update where one is in the way", () => {
    const at = "agent";
    assert.deepEqual(commandsAfter({ ...move, kind: "cut-short", at }), [
      "kiam-migrate recover --stack staging",
    ]);
    assert.deepEqual(commandsAfter({ ...move, kind: "locked", at }), [
      "kiam-migrate status --stack staging --watch",
    ]);
  });
});

describe("the commands after a recovery", () => {
  const recovered = {
    stack: "staging",
    settings: "agent",
    stage: { reached: "server", begun: "agent" },
    deleting: false,
  } as const;
  const first = (change: Partial<Parameters<typeof commandsAfterRecovery>[0]>) =>
    commandsAfterRecovery({ ...recovered, ...change })[0];

  it("end what was begun, forward or back", () => {
    assert.equal(first({}), "kiam-migrate migrate --stack staging --to agent");
    for (const deleting of [false, true]) {
      const stage = { reached: "agent", begun: "cutover" } as const;
      const back = "kiam-migrate rollback --stack staging --to agent";
      assert.equal(first({ stage, deleting }), back);
    }
  });

  it("take everything away where that was begun, as far as it can be told", () => {
    const stage = { reached: undefined, begun: "prepare" } as const;
    const all = "kiam-migrate rollback --stack staging --all";
    assert.equal(first({ settings: "prepare", stage, deleting: true }), all);
    const unclear = commandsAfterRecovery({ ...recovered, deleting: true });
    assert.deepEqual(unclear.slice(0, 2), ["kiam-migrate migrate --stack staging --to agent", all]);
  });
});
