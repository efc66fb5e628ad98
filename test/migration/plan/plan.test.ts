import assert from "node:assert/strict";

import { cutoverGeneration } from "../../../migration/plan/cutoverGeneration.js";
import { describePlan } from "../../../migration/preview/describePlan.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { makeWaves } from "../../../migration/plan/waves.js";
import { plannedWorkers, type PlannedWorker } from "../../../migration/plan/plan.js";
import { stagesBetween } from "../../../migration/stages.js";
import {
  exampleFacts,
  exampleNode,
  exampleSituation,
  roleBaseArn,
} from "../../support/exampleCluster.js";

/*
 * Pure: who moves when, and what is an input of what. Its cases share one set of workers: one file.
 */

function worker(name: string): PlannedWorker {
  return {
    name,
    uid: `uid-of-${name}`,
    hostIp: "10.0.0.1",
    access: "ssh",
    address: "10.0.0.1",
    providerId: undefined,
    hostKey: undefined,
    generation: "0000000000aa",
    steps: [],
    held: false,
  };
}

const names = (count: number) =>
  Array.from({ length: count }, (_, index) => worker(`w${String(index).padStart(4, "0")}`));

const order = (
  workers: PlannedWorker[],
  canaries: string[],
  waveSize: number | string,
  failed: string[] = [],
) => makeWaves(workers, { failed, canaries, waveSize });

describe("plan", () => {
  it("is the same for the same input", () => {
    assert.deepEqual(makePlan(exampleSituation()), makePlan(exampleSituation()));
  });

  it("moves canaries one by one, then the rest by name in waves", () => {
    const waves = order(names(10), ["w0007", "w0003"], "30%");
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
      const all = order(names(1000), ["w0500", "gone"], size).flatMap((wave) =>
        wave.workers.map((each) => each.name),
      );
      assert.equal(all.length, 1000);
      assert.equal(new Set(all).size, 1000);
    }
  });

  it("moves one worker alone first where no canary is named", () => {
    assert.deepEqual(
      order(names(3), [], "100%").map((wave) => wave.workers.length),
      [1, 2],
    );
  });

  it("starts with the workers whose last cutover did not end well, one by one", () => {
    const waves = order(names(4), ["w0001"], "100%", ["w0003", "w0001"]);
    assert.deepEqual(
      waves.map((wave) => [wave.name, ...wave.workers.map((each) => each.name)].join(" ")),
      ["retry-1 w0001", "retry-2 w0003", "wave-1 w0000 w0002"],
    );
  });

  it("has no waves without workers", () => assert.deepEqual(order([], ["w1"], "25%"), []));

  it("reads kube2iam's port, interface and base ARN from the live DaemonSet", () => {
    const plan = makePlan(exampleSituation());
    assert.equal(plan.kube2iam.port, 8181);
    assert.equal(plan.agentInterface, "cni0");
    assert.equal(plan.roleBaseArn, roleBaseArn);
    assert.deepEqual(plan.assumableRoles, [`${roleBaseArn}*`]);
  });

  it("takes them from the record once kube2iam is gone, so that nothing changes by its going", () => {
    const before = makePlan(exampleSituation());
    const proven = exampleFacts().nodes.map((node) => ({
      ...node,
      cutoverAnnotation: JSON.stringify({
        generation:
          plannedWorkers(before).find((each) => each.name === node.name)?.generation ?? "-",
        bootId: node.bootId,
        kube2iamPod: `kube2iam-on-${node.name}`,
        ...(node.name === "worker-2" ? { rehearsed: true } : {}),
      }),
    }));
    const gone = { kube2iam: undefined, recorded: before.record, nodes: proven };
    assert.deepEqual(makePlan(exampleSituation({}, gone)), before);
  });

  it("leaves masters out and knows them by either label", () => {
    const plan = makePlan(exampleSituation());
    assert.deepEqual(plan.servers, ["master-1", "master-2"]);
    assert.deepEqual(
      plannedWorkers(plan).map((each) => each.name),
      ["worker-2", "worker-1", "worker-3"],
    );
  });

  it("takes the workers and addresses that are listed", () => {
    const list = [{ name: "worker-3", address: "bastion-view.example.com" }, { name: "gone" }];
    const [only, ...others] = plannedWorkers(makePlan(exampleSituation({ workers: { list } })));
    assert.deepEqual(others, []);
    assert.equal(only?.address, "bastion-view.example.com");
    assert.equal(only?.hostIp, "10.0.0.13");
  });

  it("describes itself in the order in which workers move", () => {
    const text = describePlan(makePlan(exampleSituation()));
    assert.ok(
      text.indexOf("worker-2") < text.indexOf("worker-1") &&
        text.indexOf("worker-1") < text.indexOf("worker-3"),
    );
  });

  describe("with records of earlier runs", () => {
    const withRecords = (records: Record<string, object>) => {
      const nodes = exampleFacts().nodes.map((node) => ({
        ...node,
        cutoverAnnotation: records[node.name] && JSON.stringify(records[node.name]),
      }));
      return makePlan(exampleSituation({}, { nodes }));
    };
    const proven = (name: string, more: object = {}) => ({
      generation: "0000000000aa",
      bootId: `boot-of-${name}`,
      kube2iamPod: `kube2iam-on-${name}`,
      ...more,
    });
    const rehearsing = (records: Record<string, object>) =>
      plannedWorkers(withRecords(records))
        .filter((each) => each.steps.includes("rehearse-undo"))
        .map((each) => each.name);

    it("rehearses the way back on the first worker, and there only", () => {
      assert.deepEqual(rehearsing({}), ["worker-2"]);
    });

    it("never rehearses on, or instead of, a worker that pods depend on already", () => {
      assert.deepEqual(rehearsing({ "worker-1": proven("worker-1") }), []);
      const moved = { "worker-1": proven("worker-1", { rehearsed: true }) };
      assert.deepEqual(rehearsing(moved), ["worker-1"], "nothing changes afterwards");
    });

    it("rehearses nowhere where told not to", () => {
      const workers = { canaryRehearsal: false };
      const plan = makePlan(exampleSituation({ workers }));
      assert.ok(plannedWorkers(plan).every((each) => !each.steps.includes("rehearse-undo")));
    });

    it("puts first what failed: undone, or begun and never proven", () => {
      const plan = withRecords({
        "worker-3": { undone: "2026-01-01T00:00:00Z" },
        "worker-2": proven("worker-2", { rehearsed: true }),
      });
      assert.deepEqual(
        plan.waves.map((wave) => wave.name + " " + wave.workers.map((each) => each.name).join()),
        ["retry-1 worker-3", "canary-1 worker-2", "wave-1 worker-1"],
      );
      const begun = withRecords({ "worker-3": proven("worker-3", { proven: false }) });
      assert.equal(begun.waves[0]?.workers[0]?.name, "worker-3");
    });

    it("neither captures nor removes a rule, and needs no SSH, where kube2iam never was", () => {
      const recorded = makePlan(exampleSituation()).record;
      const born = makePlan(exampleSituation({}, { kube2iam: undefined, recorded }));
      for (const worker of plannedWorkers(born)) {
        assert.deepEqual(worker.steps, ["shadow-probe", "recheck", "live-probe"]);
      }
    });
  });

  it("moves the node groups that are named, and leaves the others on kube2iam", () => {
    const facts = exampleFacts();
    for (const node of facts.nodes) {
      const group = node.name === "worker-3" ? "gpu" : "general";
      node.labels = { ...node.labels, "kops.k8s.io/instancegroup": group };
    }
    const workers = { groups: ["general"] };
    const plan = makePlan(exampleSituation({ stage: "cutover", workers }, facts));
    assert.deepEqual(
      plan.waves.flatMap((wave) => wave.workers.map((each) => each.name)),
      ["worker-1", "worker-2"],
    );
    assert.deepEqual(
      plan.staying.map((each) => [each.name, each.steps]),
      [["worker-3", ["shadow-probe"]]],
    );
    assert.match(describePlan(plan), /stay .*worker-3/);
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

  it("changes when the rules are not as the cutover left them, and stands when they are", () => {
    const proven = recorded({
      generation: "0000000000a1",
      bootId: node.bootId,
      kube2iamPod: "pod-a",
    });
    const good = { inForce: "kiam", kube2iam: 0, kiamHealthy: true } as const;
    assert.equal(cutoverGeneration(proven, "pod-a", good), "0000000000a1");
    const bad = [
      { ...good, inForce: "none" as const },
      { ...good, inForce: "kube2iam" as const, kube2iam: 1 },
      { ...good, kube2iam: 1 },
      { ...good, kiamHealthy: false },
      { unread: "no pod runs there", forbidden: false },
    ].map((rules) => cutoverGeneration(proven, "pod-a", rules));
    assert.equal(new Set([...bad, "0000000000a1"]).size, 6);
    const again = cutoverGeneration(proven, "pod-a", { ...good, inForce: "none" });
    assert.equal(again, bad[0], "preview and update come to the same");
  });

  it("does not change where the operator may not look: running anew would not be allowed either", () => {
    const proven = recorded({
      generation: "0000000000a1",
      bootId: node.bootId,
      kube2iamPod: "pod-a",
    });
    assert.equal(
      cutoverGeneration(proven, "pod-a", { unread: "403", forbidden: true }),
      "0000000000a1",
    );
  });

  it("stands while a cutover is under way, so that a rerun goes on where it was", () => {
    const begun = recorded({
      generation: "0000000000a1",
      bootId: node.bootId,
      kube2iamPod: "pod-a",
      proven: false,
    });
    const rules = { inForce: "kube2iam", kube2iam: 1, kiamHealthy: true } as const;
    assert.equal(cutoverGeneration(begun, "pod-a", rules), "0000000000a1");
  });

  it("stands as long as its record describes the node, even when kube2iam's pod is gone", () => {
    const proven = recorded({
      generation: "0000000000a1",
      bootId: node.bootId,
      kube2iamPod: "pod-a",
    });
    assert.equal(cutoverGeneration(proven, "pod-a"), "0000000000a1");
    assert.equal(cutoverGeneration(proven, undefined), "0000000000a1");
    assert.notEqual(cutoverGeneration(proven, "pod-b"), "0000000000a1");
    assert.notEqual(cutoverGeneration({ ...proven, bootId: "other" }, "pod-a"), "0000000000a1");
  });

  it("begins anew, and stands, where the record can't be read, whatever it says", () => {
    const unreadable = [
      "{",
      JSON.stringify({ generation: "x\nid #", bootId: node.bootId, kube2iamPod: "pod-a" }),
      JSON.stringify({ undone: "today\nid #" }),
    ].map((cutoverAnnotation) => cutoverGeneration({ ...node, cutoverAnnotation }, "pod-a"));
    assert.equal(new Set(unreadable).size, 1);
    assert.match(unreadable[0] ?? "", /^[0-9a-f]{12}$/);
    assert.notEqual(unreadable[0], cutoverGeneration(node, "pod-a"));
  });
});
