import assert from "node:assert/strict";

import { cutoverGeneration } from "../../migration/cutoverGeneration.js";
import { describePlan } from "../../migration/describePlan.js";
import { makePlan, makeWaves, plannedWorkers, type PlannedWorker } from "../../migration/plan.js";
import { parseSettings } from "../../migration/parseSettings.js";
import { stagesBetween } from "../../migration/stages.js";
import {
  exampleFacts,
  exampleNode,
  exampleSettings,
  roleBaseArn,
} from "../support/exampleCluster.js";

/* Pure: who moves when, and what is an input of what. */

function worker(name: string): PlannedWorker {
  return {
    name,
    hostIp: "10.0.0.1",
    address: "10.0.0.1",
    hostKey: undefined,
    generation: "g",
    steps: [],
  };
}

const names = (count: number) =>
  Array.from({ length: count }, (_, index) => worker(`w${String(index).padStart(4, "0")}`));

describe("plan", () => {
  it("is the same for the same input", () => {
    const settings = parseSettings(exampleSettings());
    assert.deepEqual(makePlan(settings, exampleFacts()), makePlan(settings, exampleFacts()));
  });

  it("moves canaries one by one, then the rest by name in waves", () => {
    const waves = makeWaves(names(10), ["w0007", "w0003"], "30%");
    assert.deepEqual(
      waves.map((wave) => [wave.name, ...wave.workers.map((each) => each.name)].join(" ")),
      [
        "canary-1 w0007",
        "canary-2 w0003",
        "wave-1 w0000 w0001 w0002",
        "wave-2 w0004 w0005 w0006",
        "wave-3 w0008 w0009",
      ],
    );
  });

  it("covers every worker exactly once, whatever the size of a wave", () => {
    for (const size of [1, 7, 1000, 5000, "1%", "33%", "100%"]) {
      const all = makeWaves(names(1000), ["w0500", "gone"], size).flatMap((wave) =>
        wave.workers.map((each) => each.name),
      );
      assert.equal(all.length, 1000);
      assert.equal(new Set(all).size, 1000);
    }
  });

  it("has no waves without workers", () => assert.deepEqual(makeWaves([], ["w1"], "25%"), []));

  it("reads kube2iam's port, interface and base ARN from the live DaemonSet", () => {
    const plan = makePlan(parseSettings(exampleSettings()), exampleFacts());
    assert.equal(plan.kube2iam.port, 8181);
    assert.equal(plan.agentInterface, "cni0");
    assert.equal(plan.roleBaseArn, roleBaseArn);
    assert.deepEqual(plan.assumableRoles, [`${roleBaseArn}*`]);
  });

  it("takes them from the record once kube2iam is gone, so that nothing changes by its going", () => {
    const settings = parseSettings(exampleSettings());
    const before = makePlan(settings, exampleFacts());
    const proven = exampleFacts().nodes.map((node) => ({
      ...node,
      cutoverAnnotation: JSON.stringify({
        generation:
          plannedWorkers(before).find((each) => each.name === node.name)?.generation ?? "-",
        bootId: node.bootId,
        kube2iamPod: `kube2iam-on-${node.name}`,
      }),
    }));
    const after = makePlan(
      settings,
      exampleFacts({ kube2iam: undefined, recorded: before.record, nodes: proven }),
    );
    assert.deepEqual(after, before);
  });

  it("leaves masters out and knows them by either label", () => {
    const plan = makePlan(parseSettings(exampleSettings()), exampleFacts());
    assert.deepEqual(plan.servers, ["master-1", "master-2"]);
    assert.deepEqual(
      plannedWorkers(plan).map((each) => each.name),
      ["worker-2", "worker-1", "worker-3"],
    );
  });

  it("takes the workers and addresses that are listed", () => {
    const settings = parseSettings(
      exampleSettings({
        workers: {
          list: [{ name: "worker-3", address: "bastion-view.example.com" }, { name: "gone" }],
        },
      }),
    );
    const [only, ...others] = plannedWorkers(makePlan(settings, exampleFacts()));
    assert.deepEqual(others, []);
    assert.equal(only?.address, "bastion-view.example.com");
    assert.equal(only?.hostIp, "10.0.0.13");
  });

  it("describes itself in the order in which workers move", () => {
    const text = describePlan(makePlan(parseSettings(exampleSettings()), exampleFacts()));
    assert.ok(
      text.indexOf("worker-2") < text.indexOf("worker-1") &&
        text.indexOf("worker-1") < text.indexOf("worker-3"),
    );
  });

  it("knows the way between stages", () => {
    assert.deepEqual(stagesBetween("prepare", "cutover"), ["server", "agent", "cutover"]);
    assert.deepEqual(stagesBetween("retire", "agent"), ["cutover", "agent"]);
    assert.deepEqual(stagesBetween("agent", "agent"), []);
  });
});

describe("cutover generation", () => {
  const node = exampleNode("worker-1", "10.0.0.11");
  const recorded = (record: object) => ({ ...node, cutoverAnnotation: JSON.stringify(record) });

  it("changes with a reboot, a kube2iam restart and an undone cutover", () => {
    const all = [
      cutoverGeneration(node, "pod-a"),
      cutoverGeneration({ ...node, bootId: "other" }, "pod-a"),
      cutoverGeneration(node, "pod-b"),
      cutoverGeneration(recorded({ undone: "2026-01-01T00:00:00Z" }), "pod-a"),
      cutoverGeneration(recorded({ undone: "2026-01-02T00:00:00Z" }), "pod-a"),
    ];
    assert.equal(new Set(all).size, all.length);
  });

  it("stands as long as its record describes the node, even when kube2iam's pod is gone", () => {
    const proven = recorded({ generation: "g1", bootId: node.bootId, kube2iamPod: "pod-a" });
    assert.equal(cutoverGeneration(proven, "pod-a"), "g1");
    assert.equal(cutoverGeneration(proven, undefined), "g1");
    assert.notEqual(cutoverGeneration(proven, "pod-b"), "g1");
    assert.notEqual(cutoverGeneration({ ...proven, bootId: "other" }, "pod-a"), "g1");
  });

  it("takes a record that can't be read for none", () => {
    assert.equal(
      cutoverGeneration({ ...node, cutoverAnnotation: "{" }, "pod-a"),
      cutoverGeneration(node, "pod-a"),
    );
  });
});
