import assert from "node:assert/strict";

import {
  describeWorkersSoFar,
  expectedMore,
  overviewOf,
  workersSoFar,
} from "../../../migration/move/overview.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { leftToDo } from "../../../migration/status/leftToDo.js";
import { exampleFacts, exampleSituation } from "../../support/exampleCluster.js";
import { gateInState } from "../../support/stateResource.js";

/* Pure. The order in which an engine ends resources is for test/engine. */

describe("how far an update is", () => {
  const plan = makePlan(exampleSituation({ stage: "cutover" }));
  const left = leftToDo(plan, [], exampleFacts());
  const after = (...finished: string[]) => overviewOf(plan, left, new Set(finished));
  const allOf = (worker: string) =>
    ["shadow", "cutover-capture", "cutover-recheck", "cutover-removal", "cutover-live"].map(
      (step) => `${worker}-${step}`,
    );

  it("counts a worker once everything on it is done, and names the wave in hand", () => {
    assert.deepEqual(after(), {
      wave: { name: "canary-1", number: 1, of: 3 },
      done: 0,
      of: 3,
    });
    const canary = [...allOf("worker-2"), "worker-2-cutover-rehearsal-removal"];
    assert.equal(after(...canary.slice(1)).done, 0);
    assert.deepEqual(after(...canary, "worker-1-shadow"), {
      wave: { name: "wave-1", number: 2, of: 3 },
      done: 1,
      of: 3,
    });
    const all = [...canary, ...allOf("worker-1"), ...allOf("worker-3")];
    assert.deepEqual(after(...all), { wave: undefined, done: 3, of: 3 });
  });

  it("names, where it was stopped, the workers that are done and those that are not", () => {
    const canary = [...allOf("worker-2"), "worker-2-cutover-rehearsal-removal"];
    assert.equal(
      describeWorkersSoFar("cutover", workersSoFar(plan, left, new Set(canary))),
      "Done at stage cutover: 1 of 3 workers: worker-2. Not done: worker-1, worker-3.",
    );
    assert.equal(
      describeWorkersSoFar("agent", { through: [], open: ["worker-1"] }),
      "Done at stage agent: 0 of 1 worker. Not done: worker-1.",
    );
  });

  it("counts workers that go back, by what brings them back", () => {
    const back = makePlan(exampleSituation({ stage: "agent" }));
    const moved = gateInState("worker-1-cutover-recheck", ["WorkerCutover"]);
    const shadows = ["worker-1", "worker-2", "worker-3"].map((worker) =>
      gateInState(`${worker}-shadow`, ["WorkerAgent"]),
    );
    const goingBack = leftToDo(back, [moved, ...shadows], exampleFacts());
    assert.equal(overviewOf(back, goingBack, new Set()).of, 1);
    assert.equal(overviewOf(back, goingBack, new Set(["worker-1-cutover-recheck"])).done, 1);
  });

  it("expects the rest at the pace so far, and nothing where there is none", () => {
    const overview = { wave: undefined, of: 10 };
    assert.equal(expectedMore({ ...overview, done: 2 }, 60_000), 240_000);
    assert.equal(expectedMore({ ...overview, done: 0 }, 60_000), undefined);
    assert.equal(expectedMore({ ...overview, done: 10 }, 60_000), undefined);
  });
});
