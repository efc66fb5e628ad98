import assert from "node:assert/strict";

import {
  differences,
  PlanChangedError,
  planId,
  sayingsOf,
} from "../../../migration/move/plannedMove.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import {
  exampleFacts,
  exampleNode,
  exampleSettings,
  exampleSituation,
} from "../../support/exampleCluster.js";

/* Pure: when two moves are the same, and what differs between two that are not. */

function sayings(settings: Partial<SettingsInput> = {}, facts: Partial<ClusterFacts> = {}) {
  const situation = exampleSituation({ stage: "cutover", ...settings }, facts);
  return sayingsOf({
    stack: "staging",
    stages: ["cutover"],
    all: false,
    plan: makePlan(situation),
    settings: situation.settings,
  });
}

const joined = (name: string, address: string) => ({
  nodes: [...exampleFacts().nodes, exampleNode(name, address)],
});

describe("the id of a plan", () => {
  it("is the same for the same cluster, whenever it was looked at and in whatever order", () => {
    const again = { observedAt: "2030-01-01T00:00:00.000Z", nodes: exampleFacts().nodes.reverse() };
    assert.equal(planId(sayings()), planId(sayings({}, again)));
  });

  it("is another one where anything is done otherwise", () => {
    const ids = [
      sayings(),
      sayings({ workers: { canaries: ["worker-1"], waveSize: 1 } }),
      sayings({ kiam: { region: "eu-west-1", image: "registry.example.com/kiam:v4.2" } }),
      sayings({}, joined("worker-4", "10.0.0.14")),
      sayings({}, { kube2iam: undefined, recorded: record }),
    ].map(planId);
    assert.equal(new Set(ids).size, ids.length, ids.join(" "));
  });

  it("does not depend on secrets, and what it is made of holds none", () => {
    const { ssh } = exampleSettings();
    const rotated = sayings({ ssh: { ...ssh, privateKey: "another private key" } });
    assert.equal(planId(rotated), planId(sayings()));
    assert.doesNotMatch(JSON.stringify(rotated), /private key/);
  });
});

const record = {
  port: 8181,
  interface: "cni0",
  baseRoleArn: "arn:aws:iam::123456789012:role/",
};

describe("what differs between two plans", () => {
  it("is nothing between equal ones", () =>
    assert.deepEqual(differences(sayings(), sayings()), []));

  it("names the worker and the setting, and what they were", () => {
    const { ssh } = exampleSettings();
    const hostKeys = { ...ssh?.hostKeys, "worker-4": "ssh-ed25519 AAAA4" };
    const now = sayings(
      { workers: { canaries: ["worker-1"], waveSize: 1 }, ssh: { ...ssh, hostKeys } },
      joined("worker-4", "10.0.0.14"),
    );
    const lines = differences(sayings(), now);
    for (const expected of [
      '~ settings.workers.canaries: ["worker-2"] → ["worker-1"]',
      "~ worker worker-1.wave: wave-1 → canary-1",
      "+ worker worker-4.wave: wave-3",
      "+ settings.ssh.hostKeys.worker-4: ssh-ed25519 AAAA4",
    ]) {
      assert.ok(lines.includes(expected), `${expected} in\n${lines.join("\n")}`);
    }
  });
});

describe("a plan that has changed since it was approved", () => {
  it("is refused with what differs, the first lines of it", () => {
    const lines = Array.from({ length: 30 }, (_, index) => `+ worker w-${index}`);
    const { message, differences: all } = new PlanChangedError(lines);
    assert.match(message, /in 30 things; nothing was touched/);
    assert.match(message, /w-19$/);
    assert.equal(all.length, 30);
  });
});
