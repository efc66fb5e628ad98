import assert from "node:assert/strict";

import type { ClusterFacts } from "../../migration/clusterFacts.js";
import { stages, type Stage } from "../../migration/stages.js";
import { exampleFacts, exampleMaster, exampleNode } from "../support/exampleCluster.js";
import { codes, findings } from "../support/findings.js";

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
});
