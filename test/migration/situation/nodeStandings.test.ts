import assert from "node:assert/strict";

import type { ClusterFacts, NodeFacts } from "../../../migration/facts/clusterFacts.js";
import { digest } from "../../../migration/text/digest.js";
import { describePlan } from "../../../migration/preview/describePlan.js";
import { concernedNodesOf } from "../../../migration/situation/nodeStandings.js";
import { makePlan } from "../../../migration/plan/makePlan.js";
import { plannedWorkers, type Plan } from "../../../migration/plan/plan.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import {
  exampleFacts,
  examplePod,
  exampleSettings,
  roleBaseArn,
  exampleSituation,
} from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: which nodes concern the migration, and what becomes of those that nothing can be done on. */

const proven = JSON.stringify({
  generation: digest(["first"]),
  bootId: "boot-of-worker-3",
  kube2iamPod: "kube2iam-on-worker-3",
  proven: true,
});
const owed = JSON.stringify({ returnOwed: "2024-01-01T00:00:00.000Z" });

function withNode(name: string, change: Partial<NodeFacts>): Partial<ClusterFacts> {
  return {
    nodes: exampleFacts().nodes.map((node) => (node.name === name ? { ...node, ...change } : node)),
  };
}

function plan(settings: Partial<SettingsInput>, facts: Partial<ClusterFacts>): Plan {
  return makePlan(exampleSituation(settings, facts));
}

const moving = ({ waves }: Plan) => waves.flatMap(({ workers }) => workers.map(({ name }) => name));

describe("the nodes that concern the migration", () => {
  const names = (change: Partial<ClusterFacts>) =>
    concernedNodesOf(exampleFacts(change)).map(({ name }) => name);
  const none = { kube2iam: undefined, pods: [] };

  it("have a pod of kube2iam, an agent, a pod that asks for a role, or a record; no label counts", () => {
    assert.deepEqual(names({}), ["worker-1", "worker-2", "worker-3"]);
    assert.deepEqual(names(none), []);
    assert.deepEqual(names({ ...none, agents: ["worker-2"] }), ["worker-2"]);
    const asking = [examplePod("orders", "a", { node: "master-1", role: "app-orders" })];
    assert.deepEqual(names({ ...none, pods: asking }), ["master-1"]);
    assert.deepEqual(names({ ...none, ...withNode("worker-3", { cutoverAnnotation: "{}" }) }), [
      "worker-3",
    ]);
    const labels = { "kube2iam-to-kiam/worker": "true" };
    assert.deepEqual(names({ ...none, ...withNode("worker-3", { labels }) }), []);
  });

  it("are none that has left, however many of its pods are still listed", () => {
    const pods = [examplePod("orders", "a", { node: "gone", role: "app-orders" })];
    assert.deepEqual(names({ ...none, agents: ["gone"], pods }), []);
  });
});

describe("a worker on which nothing can be done", () => {
  for (const [what, change] of [
    ["not Ready", { ready: false }],
    ["being deleted", { leaving: true }],
    ["without an IPv4 address", { internalIp: undefined }],
  ] as const) {
    it(`${what}, waits while all others move, and is named`, () => {
      const broken = plan({ stage: "cutover" }, withNode("worker-3", change));
      assert.deepEqual(moving(broken), ["worker-2", "worker-1"]);
      const steps = plannedWorkers(broken).find(({ name }) => name === "worker-3")?.steps ?? [];
      assert.ok(!steps.includes("remove-rule"), steps.join());
      assert.deepEqual(
        broken.waiting.map(({ name, accepted }) => [name, accepted]),
        [["worker-3", false]],
      );
      assert.match(describePlan(broken), /waits +worker-3: it (is|reports no)/);
    });
  }

  it("keeps what it has where it was moved: nothing of it runs again or is taken back", () => {
    const facts = withNode("worker-3", {
      ready: false,
      bootId: "another",
      cutoverAnnotation: proven,
    });
    const kept = plan({ stage: "cutover" }, facts);
    const worker = plannedWorkers(kept).find(({ name }) => name === "worker-3");
    assert.equal(worker?.generation, digest(["first"]));
    assert.ok(worker?.steps.includes("live-probe"));
    assert.equal(worker?.held, true);
    assert.deepEqual(
      kept.waiting.map(({ name }) => name),
      ["worker-3"],
    );
  });

  it("warns, blocks kube2iam's retirement, and nothing once kube2iam is gone", () => {
    const facts = withNode("worker-3", { ready: false });
    const severity = (stage: "cutover" | "retire", more: Partial<ClusterFacts> = {}) =>
      codes(findings({ stage }, { ...facts, ...more })).filter((code) => /not-ready/.test(code));
    assert.deepEqual(severity("cutover"), ["warns worker-not-ready node/worker-3"]);
    assert.deepEqual(severity("retire"), ["blocks worker-not-ready node/worker-3"]);
    const recorded = { port: 8181, interface: "cni0", baseRoleArn: "" };
    assert.deepEqual(severity("retire", { kube2iam: undefined, recorded }), [
      "warns worker-not-ready node/worker-3",
    ]);
  });

  it("is no reason to fail where it is acknowledged, and for that reason alone", () => {
    const accepted = (
      code: "worker-not-ready" | "worker-address-unknown",
      change: Partial<NodeFacts>,
    ) => {
      const acknowledged = [{ code, object: "node/worker-3", reason: "in repair" }];
      const facts = withNode("worker-3", change);
      return plan({ stage: "cutover", audit: { acknowledged } }, facts).waiting[0]?.accepted;
    };
    const notReady = { ready: false };
    const noAddress = { internalIp: undefined };
    assert.equal(accepted("worker-not-ready", notReady), true);
    assert.equal(accepted("worker-address-unknown", noAddress), true);
    assert.equal(accepted("worker-not-ready", noAddress), false);
    assert.equal(accepted("worker-not-ready", { ...notReady, ...noAddress }), false);
  });

  describe("for want of an address", () => {
    const noAddress = { internalIp: undefined };

    it("keeps what it has where it was moved, as one that is not Ready does", () => {
      const change = { ...noAddress, bootId: "another", cutoverAnnotation: proven };
      for (const stage of ["agent", "cutover", "retire"] as const) {
        const kept = plan({ stage }, withNode("worker-3", change));
        const worker = plannedWorkers(kept).find(({ name }) => name === "worker-3");
        assert.equal(worker?.held, true, stage);
        assert.equal(worker?.generation, digest(["first"]));
        assert.equal(worker?.hostIp, undefined, "none is made up");
        assert.match(describePlan(kept), /waits +worker-3: it reports no IPv4 address/);
      }
    });

    it("warns, blocks kube2iam's retirement alone, and never the way back", () => {
      const severity = (settings: Partial<SettingsInput>, more: Partial<ClusterFacts> = {}) =>
        codes(findings(settings, { ...withNode("worker-3", noAddress), ...more })).filter((code) =>
          /worker-/.test(code),
        );
      for (const stage of ["prepare", "server", "agent", "cutover"] as const) {
        assert.deepEqual(severity({ stage }), ["warns worker-address-unknown node/worker-3"]);
      }
      assert.deepEqual(severity({ stage: "retire" }), [
        "blocks worker-address-unknown node/worker-3",
      ]);
      const recorded = { port: 8181, interface: "cni0", baseRoleArn: roleBaseArn };
      assert.deepEqual(severity({ stage: "retire" }, { kube2iam: undefined, recorded }), [
        "warns worker-address-unknown node/worker-3",
      ]);
    });

    it("for SSH, waits at its cutover alone, and where it connects to nothing it does not wait", () => {
      const workers = { ...exampleSettings().workers, addressType: "ExternalIP" as const };
      const external = {
        nodes: exampleFacts().nodes.map((node) => ({
          ...node,
          externalIp: node.name === "worker-3" ? undefined : "192.0.2.7",
        })),
      };
      const waits = plan({ stage: "cutover", workers }, external);
      assert.deepEqual(moving(waits), ["worker-2", "worker-1"]);
      assert.deepEqual(
        waits.waiting.map(({ name, why, worker }) => [name, why, worker?.steps]),
        [["worker-3", "it reports no ExternalIP for SSH to connect to", ["shadow-probe"]]],
      );
      assert.deepEqual(plan({ stage: "agent", workers }, external).waiting, []);
      assert.deepEqual(codes(findings({ stage: "cutover", workers }, external)), [
        "warns worker-address-unknown node/worker-3",
      ]);
      const exec = { ...workers, access: "exec" as const };
      assert.deepEqual(plan({ stage: "cutover", workers: exec }, external).waiting, []);
      assert.deepEqual(codes(findings({ stage: "cutover", workers: exec }, external)), []);
    });

    it("for SSH, is left as it is where it was moved", () => {
      const workers = { ...exampleSettings().workers, addressType: "ExternalIP" as const };
      const facts = withNode("worker-3", { cutoverAnnotation: proven });
      const worker = plannedWorkers(plan({ stage: "cutover", workers }, facts)).find(
        ({ name }) => name === "worker-3",
      );
      assert.deepEqual([worker?.held, worker?.address], [true, undefined]);
    });
  });

  it("holds up no way back", () => {
    const nodes = exampleFacts().nodes.map((node) => ({
      ...node,
      ready: node.name !== "worker-3",
      ...(node.name.startsWith("worker") ? { cutoverAnnotation: proven } : {}),
    }));
    const [waiting] = plan({ stage: "agent" }, { nodes }).waiting;
    assert.deepEqual([waiting?.name, waiting?.accepted], ["worker-3", true]);
    const [forward] = plan({ stage: "cutover" }, { nodes }).waiting;
    assert.deepEqual([forward?.name, forward?.accepted], ["worker-3", false]);
  });

  it("that owes its return is brought back as soon as it is Ready, at stage agent and before its cutover", () => {
    const steps = (stage: "agent" | "cutover", ready: boolean) =>
      plannedWorkers(
        plan({ stage }, withNode("worker-3", { ready, cutoverAnnotation: owed })),
      ).find(({ name }) => name === "worker-3")?.steps;
    assert.deepEqual(steps("agent", true), ["return"]);
    assert.equal(steps("agent", false), undefined);
    assert.ok(steps("cutover", true)?.includes("remove-rule"));
  });

  it("is brought back, too, where its cutover was begun and never proven", () => {
    const begun = JSON.stringify({ ...(JSON.parse(proven) as object), proven: false });
    const node = withNode("worker-3", { cutoverAnnotation: begun });
    const worker = plannedWorkers(plan({ stage: "agent" }, node)).find(
      ({ name }) => name === "worker-3",
    );
    assert.deepEqual(worker?.steps, ["return"]);
    const lost = withNode("worker-3", { cutoverAnnotation: begun, ready: false });
    assert.equal(plan({ stage: "agent" }, lost).waiting[0]?.accepted, true);
  });

  it("is no reason to fail once kube2iam was retired", () => {
    const recorded = { port: 8181, interface: "cni0", baseRoleArn: roleBaseArn };
    const facts = { ...withNode("worker-3", { ready: false }), kube2iam: undefined, recorded };
    assert.equal(plan({ stage: "retire" }, facts).waiting[0]?.accepted, true);
  });

  it("for want of a host key, keeps its agent and waits at the cutover alone", () => {
    const { ssh } = exampleSettings();
    const keys = Object.entries(ssh?.hostKeys ?? {}).filter(([name]) => name !== "worker-3");
    const change = { ssh: { ...ssh, hostKeys: Object.fromEntries(keys) } };
    const waits = plan({ stage: "cutover", ...change }, {});
    assert.deepEqual(moving(waits), ["worker-2", "worker-1"]);
    assert.deepEqual(waits.waiting[0]?.worker?.steps, ["shadow-probe"]);
    assert.deepEqual(plan({ stage: "agent", ...change }, {}).waiting, []);
    const exec = { workers: { ...exampleSettings().workers, access: "exec" as const } };
    assert.deepEqual(plan({ stage: "cutover", ...change, ...exec }, {}).waiting, []);
  });
});
