import assert from "node:assert/strict";

import { confirmationOf } from "../../../migration/move/confirmation.js";
import { afterRecovery, commandsAfter } from "../../../migration/move/outcome.js";

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

  it("name what ends an update that a service keeps in progress", () => {
    const at = "agent";
    assert.deepEqual(commandsAfter({ ...move, kind: "cut-short", at, byService: true }), [
      "pulumi cancel --stack staging",
      "kiam-migrate recover --stack staging",
    ]);
    assert.deepEqual(commandsAfter({ ...move, kind: "locked", at, byService: true }), [
      "kiam-migrate status --stack staging --watch",
      "pulumi cancel --stack staging",
    ]);
  });
});

describe("what to do after a recovery", () => {
  const recovered = {
    stack: "staging",
    settings: "agent",
    stage: { reached: "server", begun: "agent" },
    deletions: [],
  } as const;
  const after = (change: Partial<Parameters<typeof afterRecovery>[0]>) =>
    afterRecovery({ ...recovered, ...change });
  const deleted = (name: string, type = "command:local:Command", replaced = false) => [
    { name, type, what: `a ${name}`, replaced },
  ];
  const whole = { reached: "agent", begun: "agent" } as const;
  const [forward, all, status] = ["migrate", "rollback", "status"].map(
    (command) => `kiam-migrate ${command} --stack staging`,
  );

  it("ends what was begun, forward or back to the stage of the settings", () => {
    assert.deepEqual(after({}).next, [`${forward} --to agent`, status]);
    for (const deletions of [[], deleted("worker-1-cutover-removal")]) {
      const stage = { reached: "agent", begun: "cutover" } as const;
      assert.deepEqual(after({ stage, deletions }).next, [`${all} --to agent`, status]);
    }
  });

  it("deletes a worker that has left, and what was replaced, by going forward", () => {
    for (const deletions of [deleted("w-1-shadow"), deleted("kiam", "kubernetes:x", true)]) {
      const { next, why } = after({ stage: whole, deletions });
      assert.deepEqual(next, [`${forward} --to agent`, status]);
      assert.match(why, /had come to what that no longer has: a (w-1-shadow|kiam)\.$/);
    }
    const none = { reached: "agent", begun: "agent" } as const;
    const last = after({ settings: "cutover", stage: none, deletions: deleted("w-1-return") });
    assert.equal(last.next[0], `${forward} --to cutover`, "the last worker of all");
  });

  it("goes on taking everything away where the end of the stage is gone, or was going", () => {
    const gone = after({ deletions: deleted("kiam-agent", "kubernetes:apps/v1:DaemonSet") });
    const going = after({ stage: whole, deletions: deleted("every-node-accounted") });
    const prepare = {
      settings: "prepare",
      stage: { reached: undefined, begun: "prepare" },
    } as const;
    const first = after({ ...prepare, deletions: deleted("kiam", "kubernetes:core/v1:Namespace") });
    const mixed = [...deleted("w-1-shadow"), ...deleted("every-node-accounted")];
    for (const { next, why } of [gone, going, first, after({ stage: whole, deletions: mixed })]) {
      assert.deepEqual(next, [`${all} --all`, status]);
      assert.match(why, /^Everything was being taken away/);
    }
  });

  it("names both ways, and what to decide by, where the state does not tell", () => {
    const stage = { reached: "prepare", begun: "prepare" } as const;
    const policy = deleted("iam-worker-assumes", "aws:iam/rolePolicy:RolePolicy");
    const prepare = after({ settings: "prepare", stage, deletions: policy });
    assert.deepEqual(prepare.next, [`${all} --all`, `${forward} --to prepare`, status]);
    const unclear = [
      after({ deletions: policy }),
      after({ stage: whole, deletions: deleted("new-nodes") }),
      after({ stage: whole, deletions: [...deleted("w-1-shadow"), ...deleted("new-nodes")] }),
    ];
    for (const { next, why } of unclear) {
      assert.deepEqual(next, [`${forward} --to agent`, `${all} --all`, status]);
      assert.match(why, /cannot be told\. If the settings no longer have that/);
    }
  });
});
