import assert from "node:assert/strict";

import { parse } from "yaml";

import type {
  PermittedAnswer,
  ProvenProposal,
} from "../../../automation/roles/permittedOfStack.js";
import { permittedAsText } from "../../../cli/permitted/permittedAnswer.js";

/* Pure: what people read. The command itself is for test/engine/kiamMigrate.test.ts. */

function proposal(namespace: string, change: Partial<ProvenProposal> = {}): ProvenProposal {
  return {
    namespace,
    permitted: `role-of-${namespace}`,
    roles: [],
    reason: "exactly what its pods use",
    current: undefined,
    unchanged: false,
    basis: { mode: "strict", allowed: undefined, exactly: [] },
    disagreements: [],
    ...change,
  };
}

function text(proposals: ProvenProposal[], change: Partial<PermittedAnswer> = {}): string {
  return permittedAsText({
    stack: "staging",
    provenOn: 7,
    proposals,
    written: undefined,
    ...change,
  });
}

describe("the answer of kiam-migrate permitted", () => {
  it("can be pasted: what is not a setting is a comment", () => {
    const answer = text([proposal("orders"), proposal("web", { unchanged: true, current: "x" })]);
    assert.deepEqual(parse(answer), {
      "kube2iam-to-kiam:namespaces": { orders: { permitted: "role-of-orders" } },
    });
    assert.match(answer, /^# Proven on all 7 roles of the account/);
    assert.match(answer, /# orders: exactly what its pods use\n# +now it permits nothing\n/);
    assert.match(answer, /# 1 namespace to change, 1 with .*--stack staging --approve$/);
  });

  it("says what it was not proven on, and nothing of a proof where it failed", () => {
    assert.match(
      text([proposal("orders")], { provenOn: undefined }),
      /^# NOT proven on the account's roles/,
    );
    const disagreements = ["a", "b", "c", "d"].map((role) => ({
      role,
      wanted: true,
      permitted: false,
    }));
    const failed = text([proposal("orders", { disagreements })]);
    assert.doesNotMatch(failed, /Proven/);
    assert.match(failed, /# orders: NOT equivalent, a, b, c and 1 more would be refused\n/);
    assert.match(failed, /# 1 of 1 proposal is not equivalent; nothing was written\.$/);
  });

  it("says where it was written, and when there is nothing to do", () => {
    assert.match(
      text([proposal("orders")], { written: "Pulumi.x.yaml" }),
      /# Written to Pulumi\.x\.yaml/,
    );
    const same = text([proposal("orders", { unchanged: true, current: "x" })]);
    assert.equal(same, "# Every namespace (1) permits exactly what it needs.");
    assert.match(text([]), /No pod uses a role/);
  });

  it("claims nothing where the account's roles could not be listed", () => {
    const unchanged = [proposal("orders", { unchanged: true, current: "x" })];
    for (const proposals of [unchanged, [proposal("orders")]]) {
      assert.match(
        text(proposals, { provenOn: undefined }),
        /^# NOT proven on the account's roles/,
      );
    }
  });
});
