import assert from "node:assert/strict";

import { ClusterMigration } from "../../components/clusterMigration.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { situationOf } from "../../migration/situation/situation.js";
import { workerSteps, type StepTable } from "../../migration/plan/steps.js";
import { describePlan } from "../../migration/preview/describePlan.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { exampleFacts, exampleSettings } from "../support/exampleCluster.js";
import { migrationOutputs } from "../support/migrationOutputs.js";
import { MockEngine } from "../support/mockEngine.js";

/* Proves that what is printed is what is declared: both follow the one table of steps. */

/** A step of a worker's cutover as the engine knows it. */
const cutover = (worker: number, step: string) =>
  `command:${step === "removal" ? "remote" : "local"}:Command worker-${worker}-cutover-${step}`;

/** What people read, and what is declared, for a table of steps. */
async function follow(table: StepTable) {
  const settings = parseSettings(exampleSettings({ stage: "cutover" }));
  const plan = makePlan(situationOf(settings, exampleFacts()), table);
  const engine = await MockEngine.start(migrationOutputs);
  await engine.run(() => new ClusterMigration("migration", { settings, plan }));
  return { printed: describePlan(plan), engine };
}

/** The table with these two steps of the cutover in each other's place. */
function swapped(first: string, second: string): StepTable {
  const rows = [...workerSteps.cutover];
  const [a = -1, b = -1] = [first, second].map((name) =>
    rows.findIndex(({ step }) => step === name),
  );
  [rows[a], rows[b]] = [rows[b]!, rows[a]!];
  return { ...workerSteps, cutover: rows };
}

describe("the order of a worker's steps", () => {
  it("is printed as it is declared", async () => {
    const { printed, engine } = await follow(workerSteps);
    assert.match(printed, /each shadow-probe → capture → recheck → remove-rule → live-probe:/);
    const chain = ["capture", "recheck", "removal", "rehearsal-proof", "live"];
    for (const [index, later] of chain.entries()) {
      for (const earlier of chain.slice(0, index)) {
        assert.ok(engine.comesAfter(cutover(2, later), cutover(2, earlier)));
      }
    }
  });

  it("changes in both when two rows of the table change places", async () => {
    const { printed, engine } = await follow(swapped("recheck", "remove-rule"));
    assert.match(printed, /each shadow-probe → capture → remove-rule → recheck → live-probe:/);
    assert.ok(engine.comesAfter(cutover(1, "recheck"), cutover(1, "removal")));
    assert.ok(!engine.comesAfter(cutover(1, "removal"), cutover(1, "recheck")));
  });

  it("loses a step in both when its row is gone", async () => {
    const rows = workerSteps.cutover.filter(({ step }) => step !== "rehearse-undo");
    const { printed, engine } = await follow({ ...workerSteps, cutover: rows });
    assert.doesNotMatch(printed, /rehearsed/);
    const names = engine.registered.map(({ name }) => name);
    assert.ok(!names.some((name) => name.includes("rehearsal")));
  });
});
