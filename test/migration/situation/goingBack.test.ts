import assert from "node:assert/strict";

import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import { stages, type Stage } from "../../../migration/stages.js";
import {
  exampleFacts,
  exampleMaster,
  exampleNode,
  exampleSituation,
} from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { plannedWorkers, type Plan } from "../../../migration/plan/plan.js";

/* Pure: what is wrong with kiam never stands in the way of leaving it. */

const record = JSON.stringify({
  generation: "0000000000aa",
  bootId: "b",
  kube2iamPod: "k",
  proven: true,
});

const nodes = (change: object) => [
  exampleMaster(),
  exampleMaster("master-2", "10.0.0.9"),
  ...[1, 2, 3].map((index) => exampleNode(`worker-${index}`, `10.0.0.1${index}`, change)),
];
const agents = ["worker-1", "worker-2", "worker-3"];
const moved = { nodes: nodes({ cutoverAnnotation: record }), agents };
const withAgents = { nodes: nodes({}), agents };
const retired: Partial<ClusterFacts> = {
  ...moved,
  kube2iam: undefined,
  recorded: {
    port: 8181,
    interface: "cni0",
    baseRoleArn: "arn:aws:iam::123456789012:role/",
  },
};

/** Of a role that its namespace does not permit. */
function severity(stage: Stage, facts: Partial<ClusterFacts>): string | undefined {
  const list = findings({ stage, namespaces: { payments: { permitted: ".*" } } }, facts);
  return list.find(({ code }) => code === "role-not-permitted")?.severity;
}

describe("an update that goes back", () => {
  it("is not stopped by what keeps kiam from supplying roles", () => {
    assert.equal(severity("cutover", retired), "warns");
    assert.equal(severity("agent", moved), "warns");
    assert.equal(severity("prepare", withAgents), "warns");
  });

  it("is one only where more is there than the stage asks for", () => {
    assert.equal(severity("retire", retired), "blocks");
    assert.equal(severity("cutover", moved), "blocks");
    assert.equal(severity("agent", withAgents), "blocks");
    assert.equal(severity("prepare", {}), "blocks");
  });

  it("is not stopped by a cluster that is scaled to zero, nor is any update after the first", () => {
    const none = { nodes: [exampleMaster(), exampleMaster("master-2", "10.0.0.9")], agents: [] };
    const of = (stage: Stage, facts: Partial<ClusterFacts>) =>
      findings({ stage }, { ...facts, ...none }).find(({ code }) => code === "no-worker")?.severity;
    assert.equal(of("prepare", {}), "blocks");
    for (const stage of stages) assert.equal(of(stage, { recorded: retired.recorded }), "warns");
    assert.equal(of("retire", retired), "warns");
  });

  it("is stopped by what it needs itself", () => {
    const [first, ...rest] = moved.nodes;
    assert.ok(first !== undefined);
    const list = findings(
      { stage: "agent", workers: { selector: { none: "such" } } },
      { nodes: [first, ...rest] },
    );
    assert.ok(codes(list).includes("blocks worker-left-out node/worker-1"), codes(list).join());
  });

  it("is how a certificate that has run out is renewed, once pods depend on kiam", () => {
    const certificates: ClusterFacts["certificates"] = [
      {
        secret: "kiam-server-tls",
        notBefore: "2023-01-01T00:00:00.000Z",
        notAfter: "2023-12-31T00:00:00.000Z",
      },
    ];
    const of = (facts: Partial<ClusterFacts>) =>
      findings({ stage: "cutover" }, { ...facts, certificates }).find(
        ({ code }) => code === "certificate-expires",
      )?.severity;
    assert.equal(of({}), "blocks");
    assert.equal(of(moved), "warns");
    assert.ok(exampleFacts().observedAt > "2024");
  });

  describe("as it is planned", () => {
    const plan = (stage: Stage, facts: Partial<ClusterFacts>): Plan =>
      makePlan(exampleSituation({ stage }, facts));
    const steps = (of: Plan) =>
      Object.fromEntries(plannedWorkers(of).map((worker) => [worker.name, worker.steps.join()]));
    /** The example's workers, each with this to say of its cutover. */
    const saying = (said: Record<string, string>) =>
      nodes({}).map((node) => ({ ...node, cutoverAnnotation: said[node.name] }));
    const owed = JSON.stringify({ returnOwed: "2026-01-01T00:00:00.000Z" });
    const begun = record.replace("true", "false");

    it("asks kiam nothing on a worker that has not moved, or owes its return", () => {
      const said = { "worker-1": record, "worker-2": owed };
      const back = plan("agent", { nodes: saying(said), agents });
      assert.ok(back.goesBack);
      assert.deepEqual(steps(back), {
        "worker-1": "shadow-probe",
        "worker-2": "return",
        "worker-3": "",
      });
      const held = plannedWorkers(back).filter((worker) => worker.held);
      assert.deepEqual(
        held.map(({ name }) => name),
        ["worker-1"],
        "what was proven stands: nothing of it runs again",
      );
    });

    it("from retire takes along no worker that is not proven; the next update moves it", () => {
      for (const said of [undefined, owed, begun, "not of this program"]) {
        const facts = {
          ...retired,
          nodes: saying({ "worker-1": record, "worker-2": record, "worker-3": said ?? "" }),
        };
        if (said === undefined)
          delete (facts.nodes.at(-1) as { cutoverAnnotation?: string }).cutoverAnnotation;
        const back = plan("cutover", facts);
        const waves = back.waves.flatMap((wave) => wave.workers);
        assert.deepEqual(
          waves.map(({ name, held }) => [name, held]),
          [
            ["worker-2", true],
            ["worker-1", true],
          ],
          said,
        );
        const [waits, ...others] = back.waiting;
        assert.deepEqual(others, []);
        assert.deepEqual(
          [waits?.name, waits?.accepted, waits?.worker?.steps],
          ["worker-3", true, []],
        );
        assert.match(waits?.why ?? "", /the next one moves it/);
      }
    });

    it("declares no probe where a worker waits, either", () => {
      const leaving = nodes({}).map((node) =>
        node.name === "worker-3"
          ? { ...node, leaving: true }
          : { ...node, cutoverAnnotation: record },
      );
      assert.equal(steps(plan("agent", { nodes: leaving, agents }))["worker-3"], "");
    });

    it("is not what an update forward, or in place, is", () => {
      for (const [stage, facts] of [
        ["retire", retired],
        ["cutover", moved],
        ["agent", withAgents],
      ] as const) {
        const onward = plan(stage, facts);
        assert.ok(!onward.goesBack);
        assert.ok(plannedWorkers(onward).every(({ held, steps }) => !held && steps.length > 0));
      }
    });
  });
});
