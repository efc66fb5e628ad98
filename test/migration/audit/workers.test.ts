import assert from "node:assert/strict";

import type { RuleState } from "../../../migration/rules/deviation.js";
import { exampleFacts } from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: findings about node groups and about workers' rules appear with their cause, and go with it. */

/** The example's workers in two groups; `moved` ones have the record of a proven cutover. */
function nodes(moved: string[] = []) {
  return exampleFacts().nodes.map((node) => ({
    ...node,
    labels: {
      ...node.labels,
      "eks.amazonaws.com/nodegroup": node.name === "worker-3" ? "gpu" : "general",
    },
    cutoverAnnotation: moved.includes(node.name)
      ? JSON.stringify({
          generation: "0000000000aa",
          bootId: node.bootId,
          kube2iamPod: `kube2iam-on-${node.name}`,
        })
      : undefined,
  }));
}

describe("audit of node groups", () => {
  it("blocks a group that no worker has, naming those there are", () => {
    const list = findings(
      { stage: "cutover", workers: { groups: ["gneral", "gpu"] } },
      { nodes: nodes() },
    );
    assert.deepEqual(codes(list), ["blocks group-unknown nodegroup/gneral"]);
    assert.match(list[0]?.seen ?? "", /general, gpu/);
  });

  it("blocks retirement while a group is left out, and only then", () => {
    const workers = { groups: ["general"] };
    assert.deepEqual(codes(findings({ stage: "cutover", workers }, { nodes: nodes() })), []);
    assert.deepEqual(codes(findings({ stage: "retire", workers }, { nodes: nodes() })), [
      "blocks group-left-behind node/worker-3",
    ]);
    const all = { groups: ["general", "gpu"] };
    assert.deepEqual(codes(findings({ stage: "retire", workers: all }, { nodes: nodes() })), []);
  });

  it("says who goes back when a group is taken out", () => {
    const workers = { groups: ["general"] };
    const moved = nodes(["worker-3"]);
    assert.deepEqual(codes(findings({ stage: "cutover", workers }, { nodes: moved })), [
      "informs worker-goes-back node/worker-3",
    ]);
    const all = { groups: ["general", "gpu"] };
    assert.deepEqual(codes(findings({ stage: "cutover", workers: all }, { nodes: moved })), []);
  });

  it("asks for no host key of a worker that nobody will connect to", () => {
    const ssh = { privateKey: "k", hostKeys: { "worker-1": "ssh-ed25519 AAAA1" } };
    const workers = { groups: ["gpu"] };
    const list = findings({ stage: "cutover", workers, ssh }, { nodes: nodes() });
    assert.deepEqual(codes(list), ["warns host-key-unknown node/worker-3"]);
    const exec = { ...workers, access: "exec" as const };
    const none = findings({ stage: "cutover", workers: exec, ssh: {} }, { nodes: nodes() });
    assert.deepEqual(codes(none), []);
  });

  it("blocks without a host key where the worker was moved, since its command could run again on another", () => {
    const ssh = { privateKey: "k", hostKeys: { "worker-1": "ssh-ed25519 AAAA1" } };
    const list = findings(
      { stage: "cutover", workers: { groups: ["gpu"] }, ssh },
      { nodes: nodes(["worker-3"]) },
    );
    assert.deepEqual(codes(list), ["blocks host-key-unknown node/worker-3"]);
  });

  it("blocks without one as well where nobody can tell whether it was moved", () => {
    const unreadable = nodes().map((node) =>
      node.name === "worker-3" ? { ...node, cutoverAnnotation: "not JSON" } : node,
    );
    const ssh = { privateKey: "k", hostKeys: { "worker-1": "ssh-ed25519 AAAA1" } };
    const workers = { groups: ["gpu"] };
    assert.deepEqual(
      codes(findings({ stage: "cutover", workers, ssh }, { nodes: unreadable })).filter((code) =>
        code.includes("host-key"),
      ),
      ["blocks host-key-unknown node/worker-3"],
    );
  });
});

describe("audit of cutover records", () => {
  it("blocks from stage cutover on where a node's record is not this program's", () => {
    const [first = exampleFacts().nodes[0]!] = nodes(["worker-1"]).slice(2);
    const forged = { ...first, cutoverAnnotation: '{"generation":"x\\nid #"}' };
    const others = nodes().filter(({ name }) => name !== "worker-1");
    const seen = (stage: "agent" | "cutover") =>
      codes(findings({ stage }, { nodes: [...others, forged] }));
    assert.deepEqual(seen("cutover"), ["blocks cutover-record-unreadable node/worker-1"]);
    assert.deepEqual(seen("agent"), ["warns cutover-record-unreadable node/worker-1"]);
    const [proven] = nodes(["worker-1"]).filter(({ name }) => name === "worker-1");
    assert.deepEqual(
      codes(findings({ stage: "cutover" }, { nodes: [...others, proven!] })),
      [],
      "this program's own is fine",
    );
  });
});

describe("audit of workers' rules", () => {
  const good: RuleState = { inForce: "kiam", kube2iam: 0, kiamHealthy: true };
  const seen = (state: RuleState, moved = true) =>
    findings(
      { stage: "cutover" },
      { nodes: nodes(moved ? ["worker-1"] : []), rules: { "worker-1": state } },
    );

  it("is silent while a moved worker is as its cutover left it", () => {
    assert.deepEqual(codes(seen(good)), []);
  });

  it("warns of whatever is not so, with what it means for pods", () => {
    for (const [state, words] of [
      [{ ...good, inForce: "none" }, /node's own role/],
      [{ ...good, inForce: "kube2iam", kube2iam: 1 }, /kube2iam's rule comes first/],
      [{ ...good, kube2iam: 1 }, /there again, behind kiam's/],
      [{ ...good, kiamHealthy: false }, /does not answer/],
      [{ unread: "no pod", forbidden: false }, /could not be read: no pod/],
    ] as [RuleState, RegExp][]) {
      const list = seen(state);
      assert.deepEqual(codes(list), ["warns rules-deviate node/worker-1"]);
      assert.match(list[0]?.seen ?? "", words);
    }
  });

  it("warns before the cutover only where pods are not served by kube2iam", () => {
    assert.deepEqual(codes(seen({ ...good, inForce: "kube2iam", kube2iam: 1 }, false)), []);
    assert.deepEqual(codes(seen({ ...good, kiamHealthy: false, inForce: "kube2iam" }, false)), []);
    for (const inForce of ["none", "kiam"] as const) {
      assert.deepEqual(codes(seen({ ...good, inForce }, false)), [
        "warns rules-deviate node/worker-1",
      ]);
    }
  });

  it("says what keeps its rules from telling who answers, before the cutover and after", () => {
    const state: RuleState = { ...good, inForce: "unknown", unclear: "a chain of nft's own" };
    for (const moved of [true, false]) {
      const list = seen(state, moved);
      assert.deepEqual(codes(list), ["warns rules-deviate node/worker-1"]);
      assert.match(list[0]?.seen ?? "", /^a chain of nft's own/);
      assert.match(list[0]?.fix ?? "", /^do as it says there/);
    }
    assert.deepEqual(codes(seen({ ...good, inForce: "unknown" }, false)), []);
  });

  it("says so where the operator may not look", () => {
    assert.deepEqual(codes(seen({ unread: "403", forbidden: true })), [
      "warns rules-unread node/worker-1",
    ]);
  });
});
