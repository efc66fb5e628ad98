import assert from "node:assert/strict";

import { planToAsk } from "../../../automation/look/statusOfStack.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { exampleSituation } from "../../support/exampleCluster.js";

/* Pure: whether pods can ask the workers. That they do is for test/engine/kiamMigrateMoves.test.ts. */

describe("status --ask", () => {
  it("asks with the role of the settings", () => {
    const plan = makePlan(exampleSituation({ stage: "prepare" }, {}));
    assert.equal(planToAsk("staging", plan).probe.role, "kiam-probe");
  });

  it("says what to do where no role is set, or nothing can be planned", () => {
    const plan = makePlan(exampleSituation({ stage: "prepare", probe: {} }, {}));
    assert.throws(
      () => planToAsk("staging", plan),
      /probe\.role is not set\. No pod was made.* What to do: pulumi config set --stack staging --path probe\.role NAME/,
    );
    assert.throws(
      () => planToAsk("staging", undefined),
      /findings stand in its way\. .* What to do: kiam-migrate audit --stack staging$/,
    );
  });
});
