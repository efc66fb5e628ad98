import assert from "node:assert/strict";

import { firstUpdateAsSeen } from "../../../automation/move/carryOut.js";
import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import { PlanChangedError } from "../../../migration/move/plannedMove.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import type { Stage } from "../../../migration/stages.js";
import { exampleFacts, exampleNode, exampleSituation } from "../../support/exampleCluster.js";

/* Pure: what an update is held to. That the program asks is for test/engine. */

describe("the first update of a move", () => {
  const seen = exampleSituation({ stage: "cutover" });
  const decided = (stage: Stage, facts: Partial<ClusterFacts> = {}) => {
    const situation = exampleSituation({ stage }, facts);
    return { settings: situation.settings, plan: makePlan(situation) };
  };
  const joined = { nodes: [...exampleFacts().nodes, exampleNode("worker-4", "10.0.0.14")] };

  it("is what was seen, at its own stage", () =>
    firstUpdateAsSeen("staging", seen, ["agent", "cutover"])(decided("agent")));

  it("is refused where a node has joined since, and names it", () =>
    assert.throws(
      () => firstUpdateAsSeen("staging", seen, ["agent", "cutover"])(decided("agent", joined)),
      (error: Error) =>
        error instanceof PlanChangedError &&
        error.differences.some((line) => line.startsWith("+ worker worker-4")),
    ));

  it("does not hold those after it", () => {
    const check = firstUpdateAsSeen("staging", seen, ["agent", "cutover"]);
    check(decided("agent"));
    check(decided("cutover", joined));
  });
});
