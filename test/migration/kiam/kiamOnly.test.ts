import assert from "node:assert/strict";

import {
  agentNotReadyTaint,
  kiamOnlyKey,
  kiamOnlyTaint,
} from "../../../migration/facts/clusterFacts.js";
import { isKeptOff, isKiamOnly } from "../../../migration/kiam/kiamOnly.js";
import { exampleFacts, exampleNode } from "../../support/exampleCluster.js";

/* Pure: who counts as born without kube2iam. */

const labelled = exampleNode("worker-9", "10.0.0.19", { labels: { [kiamOnlyKey]: "true" } });
const tainted = exampleNode("worker-9", "10.0.0.19", { taints: [kiamOnlyTaint] });
const everything = [{ operator: "Exists" as const }];

describe("kiam-only nodes", () => {
  it("are kept off by the label only if kube2iam's affinity heeds it", () => {
    const plain = { tolerations: [], avoidsKiamOnly: false };
    assert.equal(isKeptOff(plain, labelled), false);
    assert.equal(isKeptOff({ ...plain, avoidsKiamOnly: true }, labelled), true);
    assert.equal(isKeptOff({ ...plain, avoidsKiamOnly: true }, tainted), true);
  });

  it("are kept off by the taint only if kube2iam does not tolerate it", () => {
    assert.equal(isKeptOff({ tolerations: [], avoidsKiamOnly: false }, tainted), true);
    assert.equal(isKeptOff({ tolerations: everything, avoidsKiamOnly: false }, tainted), false);
  });

  it("are not those with another taint that kube2iam does not tolerate", () => {
    const starting = exampleNode("worker-9", "10.0.0.19", { taints: [agentNotReadyTaint] });
    assert.equal(isKeptOff({ tolerations: [], avoidsKiamOnly: true }, starting), false);
  });

  it("are known while kube2iam still runs elsewhere, and not where it runs", () => {
    const facts = exampleFacts();
    assert.equal(isKiamOnly(facts, tainted), true);
    assert.equal(isKiamOnly(facts, labelled), false);
    const { kube2iam } = facts;
    assert.ok(kube2iam !== undefined);
    const avoiding = { ...facts, kube2iam: { ...kube2iam, avoidsKiamOnly: true } };
    assert.equal(isKiamOnly(avoiding, labelled), true);
    assert.equal(isKiamOnly(avoiding, { ...labelled, name: "worker-1" }), false);
  });

  it("are not those that were cut over, whatever mark they got later", () => {
    const record = { generation: "0000000000aa", bootId: "b", kube2iamPod: "p", proven: true };
    const node = { ...tainted, cutoverAnnotation: JSON.stringify(record) };
    assert.equal(isKiamOnly(exampleFacts(), node), false);
    const born = { ...node, cutoverAnnotation: JSON.stringify({ ...record, kiamOnly: true }) };
    assert.equal(isKiamOnly(exampleFacts(), born), true);
  });
});
