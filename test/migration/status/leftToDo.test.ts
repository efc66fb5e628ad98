import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { makePlan } from "../../../migration/plan/makePlan.js";
import { plannedWorkers, type Plan } from "../../../migration/plan/plan.js";
import { leftToDo, resourceOfStep } from "../../../migration/status/leftToDo.js";
import { exampleFacts, exampleSituation } from "../../support/exampleCluster.js";
import { gateInState, inState } from "../../support/stateResource.js";

/* Pure. The state is made up; its names are compared with what the components declare. */

const planAt = (stage: Plan["stage"]) => makePlan(exampleSituation({ stage }));

describe("what is left to do on workers", () => {
  it("is every step before anything is done, and names resources that the components declare", () => {
    const plan = planAt("cutover");
    const file = join(__dirname, "../../components/declaredState.json");
    const declared = JSON.parse(readFileSync(file, "utf8")) as Record<string, object>;
    const names = Object.keys(declared.cutover ?? {}).map((place) => place.split(" ").at(-1));
    const left = leftToDo(plan, [], exampleFacts());
    for (const { name, steps } of plannedWorkers(plan)) {
      assert.deepEqual(left.get(name), steps);
      for (const step of steps) {
        assert.ok(names.includes(`${name}-${resourceOfStep[step]}`), `${name}: ${step}`);
      }
    }
  });

  it("leaves out what is done, but for what was done for another generation", () => {
    const plan = planAt("cutover");
    const worker = plannedWorkers(plan).find(({ name }) => name === "worker-1");
    assert.ok(worker !== undefined);
    const state = (generation: string) => [
      gateInState("worker-1-shadow", ["WorkerAgent"]),
      gateInState("worker-1-cutover-capture", ["WorkerCutover"]),
      gateInState("worker-1-cutover-recheck", ["WorkerCutover"], { stdin: generation }),
      gateInState("worker-1-cutover-removal", ["WorkerCutover"], { create: `x # ${generation}` }),
      inState.live("worker-1", generation),
    ];
    const leftAt = (generation: string) =>
      leftToDo(plan, state(generation), exampleFacts()).get("worker-1");
    assert.deepEqual(leftAt(worker.generation), []);
    assert.deepEqual(leftAt("000000000000"), ["recheck", "remove-rule", "live-probe"]);
  });

  it("is the way back before stage cutover, and kube2iam's pod at stage retire", () => {
    const moved = [gateInState("worker-1-cutover-recheck", ["WorkerCutover"])];
    assert.ok(
      leftToDo(planAt("agent"), moved, exampleFacts()).get("worker-1")?.includes("way-back"),
    );
    const retire = leftToDo(planAt("retire"), [], exampleFacts()).get("worker-1");
    assert.equal(retire?.at(-1), "kube2iam-pod-goes");
    const gone = leftToDo(planAt("retire"), [], { kube2iam: undefined }).get("worker-1");
    assert.equal(gone?.includes("kube2iam-pod-goes"), false);
  });
});
