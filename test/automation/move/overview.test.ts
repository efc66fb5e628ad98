import assert from "node:assert/strict";

import { silentProgress } from "../../../automation/progress.js";
import { MoveOverview } from "../../../automation/move/overview.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { exampleSituation } from "../../support/exampleCluster.js";

/* What is shown while an update runs, with made-up steps of an engine. */

describe("the overview of a move", () => {
  it("follows the steps of the engine, one line a stage, and shows no stage without workers", () => {
    const shown: string[] = [];
    const overview = new MoveOverview(
      {
        ...silentProgress,
        step: (title) => ({
          update: (detail) => void shown.push(`${title}: ${detail}`),
          done: (detail) => void shown.push(`${title} done: ${detail}`),
          fail: (detail) => void shown.push(`${title} FAILED: ${detail}`),
          stop: (detail) => void shown.push(`${title} stopped: ${detail}`),
        }),
      },
      [],
    );
    const planAt = (stage: "server" | "agent" | "cutover") => makePlan(exampleSituation({ stage }));
    overview.begin(planAt("server"));
    overview.begin(planAt("agent"));
    overview.see({ operation: "create", what: "gate worker-2-shadow" });
    overview.begin(planAt("cutover"));
    overview.end("failed");
    overview.begin(planAt("agent"));
    overview.end("stopped");
    const withoutTimes = shown.map((line) => line.replace(/; about .*/, "; about …"));
    assert.deepEqual(withoutTimes, [
      "workers at stage agent: canary-1, wave 1 of 3; 0 of 3 workers",
      "workers at stage agent: wave-1, wave 2 of 3; 1 of 3 workers; about …",
      "workers at stage agent done: wave-1, wave 2 of 3; 1 of 3 workers; about …",
      "workers at stage cutover: canary-1, wave 1 of 3; 0 of 3 workers",
      "workers at stage cutover FAILED: canary-1, wave 1 of 3; 0 of 3 workers",
      "workers at stage agent: wave-1, wave 2 of 3; 1 of 3 workers; about …",
      "workers at stage agent stopped: wave-1, wave 2 of 3; 1 of 3 workers; about …",
    ]);
  });
});
