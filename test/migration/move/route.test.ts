import assert from "node:assert/strict";

import { firstBlocked, liesBehind, routeTo } from "../../../migration/move/route.js";
import type { Stage } from "../../../migration/stages.js";
import { exampleIam, exampleSettings, exampleSituation } from "../../support/exampleCluster.js";

/* Pure: which updates a move takes. That each does its own is for test/embedded. */

const at = (reached?: Stage, begun = reached) => ({ reached, begun });

describe("the route of a move", () => {
  for (const [what, from, to, route] of [
    ["goes through every stage from the beginning", at(), "agent", ["prepare", "server", "agent"]],
    ["begins after the last whole stage", at("server"), "cutover", ["agent", "cutover"]],
    ["takes up a stage that was begun", at("agent", "cutover"), "cutover", ["cutover"]],
    ["takes up the first stage of all", at(undefined, "prepare"), "prepare", ["prepare"]],
    ["is one update where it is there already", at("cutover"), "cutover", ["cutover"]],
    ["goes back stage by stage", at("retire"), "server", ["cutover", "agent", "server"]],
    ["goes back from what was begun", at("agent", "cutover"), "agent", ["agent"]],
  ] as [string, ReturnType<typeof at>, Stage, Stage[]][]) {
    it(what, () => assert.deepEqual(routeTo(from, to), route));
  }

  it("leads back where more was begun", () => {
    assert.equal(liesBehind(at("agent", "cutover"), "agent"), true);
    assert.equal(liesBehind(at("agent"), "agent"), false);
    assert.equal(liesBehind(at(), "prepare"), false);
  });
});

describe("what stands in the way of a route", () => {
  it("is found at the first stage at which it does", () => {
    const { ssh } = exampleSettings();
    const situation = exampleSituation({ ssh: { ...ssh, hostKeys: {} } });
    const blocked = firstBlocked(situation, ["agent", "cutover", "retire"]);
    assert.equal(blocked?.stage, "retire");
    assert.deepEqual([...new Set(blocked?.findings.map(({ code }) => code))], ["host-key-unknown"]);
    assert.equal(firstBlocked(situation, ["agent", "cutover"]), undefined);
  });

  it("is nothing where the example cluster is in order", () => {
    const situation = exampleSituation({}, { iam: exampleIam() });
    assert.equal(firstBlocked(situation, ["prepare", "server", "agent"]), undefined);
  });
});
