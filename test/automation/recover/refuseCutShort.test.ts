import assert from "node:assert/strict";

import { judge } from "../../../automation/recover/refuseCutShort.js";

/* Pure. What the command pulumi makes of it is for test/engine/refuseCutShort. */

const urn =
  "urn:pulumi:staging::kube2iam-to-kiam::kube2iam-to-kiam:index:WorkerCutover$command:remote:Command::worker-1-cutover-removal";

function state(...types: string[]) {
  const pending_operations = types.map((type) => ({ type, resource: { urn } }));
  return () => ({ version: 3, deployment: { resources: [], pending_operations } });
}

const update = { stack: "staging", phase: "update" } as const;
const preview = { stack: "staging", phase: "preview" } as const;

describe("pulumi up after an update that was cut short", () => {
  it("is refused, with what was under way and what to do", () => {
    const { said = "", refused } = judge(update, state("deleting"));
    assert.equal(refused, true);
    assert.match(
      said,
      /^The last update of stack staging was cut short\. Nothing was touched now\./,
    );
    assert.match(said, /under way: deleting over SSH: worker-1-cutover-removal \(worker-1\)/);
    assert.match(said, /npx kiam-migrate recover --stack staging\./);
    assert.match(said, /Note down what is no creation/);
    assert.doesNotMatch(judge(update, state("creating")).said ?? "", /Note down/);
  });

  it("is warned of by a preview, which may meet an update that runs", () => {
    const { said = "", refused } = judge(preview, state("creating", "updating"));
    assert.equal(refused, false);
    assert.match(said, /was cut short, or another one is running now\./);
    assert.match(said, /under way: creating .*\n.*\n {2}under way: updating /);
    assert.match(said, /kiam-migrate status --stack staging says which/);
    assert.match(said, /kiam-migrate recover --stack staging\..* Until then pulumi up is refused/);
    const ofUpdate = judge({ ...preview, phase: "preview-of-update" }, state("creating"));
    assert.equal(ofUpdate.refused, true, "else the engine would drop what is pending");
  });

  it("goes on without a word where nothing is pending", () => {
    for (const run of [update, preview]) {
      assert.deepEqual(judge(run, state()), { refused: false });
      const never = () => ({ version: 3, deployment: null });
      assert.deepEqual(judge(run, never), { refused: false }, "a stack without a state");
    }
  });

  it("goes on, and says so, where the state cannot be read", () => {
    const { said = "", refused } = judge(update, () => {
      throw new Error("spawnSync pulumi ENOENT");
    });
    assert.equal(refused, false);
    assert.match(said, /could not be looked at .*ENOENT.*Pulumi itself warns/);
  });
});
