import assert from "node:assert/strict";

import { clearAgent } from "../../../gates/wayBack/clearAgent.js";
import { verifyAgent } from "../../../gates/kiam/verifyAgent.js";
import { failureOf, target, useFakeCluster, type FakeCluster } from "../fakeCluster.js";

/*
 * What the gates of kiam's agents decide, on a real API server with the real DaemonSet controller.
 * The nodes are not real (fakeNodes.ts): that an agent is healthy and has its rule is only told.
 */

const daemonSet = { namespace: target.kiam.namespace, name: target.kiam.agentDaemonSet };

describe("the gates of kiam's agents, on a real API server", function () {
  this.timeout(120_000);
  let cluster: FakeCluster;
  useFakeCluster((started) => (cluster = started));

  describe("verify-agent", () => {
    const names = ["worker-1", "worker-2", "worker-3"];
    /** How often each agent was asked whether it is healthy. */
    let asked: Record<string, number>;

    beforeEach(async () => {
      await cluster.nodes(Object.fromEntries(names.map((name) => [name, ["kube2iam", "kiam"]])));
      asked = {};
      counting();
    });

    /** @param then what else happens when a node's agent is asked for the nth time */
    function counting(then: (node: string, times: number) => Promise<void> | void = () => {}) {
      cluster.fake.onExec = async (node, command) => {
        if (!command.includes("wget")) return;
        asked[node] = (asked[node] ?? 0) + 1;
        await then(node, asked[node]);
      };
    }

    it("asks an agent that has answered no more while it waits for another", async () => {
      cluster.fake.node("worker-2").unhealthy = "503";
      counting((node, times) => {
        if (node === "worker-2" && times === 3) delete cluster.fake.node(node).unhealthy;
      });
      const { workers } = await verifyAgent({ target });
      assert.deepEqual(
        workers.map(({ name }) => name),
        names,
      );
      assert.deepEqual(asked, { "worker-1": 1, "worker-2": 3, "worker-3": 1 });
    });

    it("asks one again whose pod is another by then", async () => {
      cluster.fake.node("worker-2").unhealthy = "503";
      counting(async (node, times) => {
        if (node !== "worker-2") return;
        if (times === 1) await cluster.replaceAgent("worker-1");
        if (times === 3) delete cluster.fake.node(node).unhealthy;
      });
      await verifyAgent({ target });
      assert.deepEqual(asked, { "worker-1": 2, "worker-2": 3, "worker-3": 1 });
    });

    it("asks one again whose container has restarted by then", async () => {
      cluster.fake.node("worker-2").unhealthy = "503";
      counting(async (node, times) => {
        if (node !== "worker-2") return;
        if (times === 1) await cluster.restartAgent("worker-3");
        if (times === 3) delete cluster.fake.node(node).unhealthy;
      });
      await verifyAgent({ target });
      assert.deepEqual(asked, { "worker-1": 1, "worker-2": 3, "worker-3": 2 });
    });

    it("has no deadline for all of them together: it begins anew with each that is right", async () => {
      const soon = { ...target, timeoutSeconds: 3 };
      for (const name of names) cluster.fake.node(name).unhealthy = "503";
      const began = Date.now();
      counting((node) => {
        const turn = Math.floor((Date.now() - began) / 2000);
        if (names.indexOf(node) < turn) delete cluster.fake.node(node).unhealthy;
      });
      const { workers } = await verifyAgent({ target: soon });
      assert.equal(workers.length, 3);
      assert.ok(Date.now() - began > soon.timeoutSeconds * 1000 + 2000, "longer than one deadline");
    });

    it("fails naming the one agent that never is right, with what it said", async () => {
      cluster.fake.node("worker-2").unhealthy = "503";
      const error = await failureOf(verifyAgent({ target: { ...target, timeoutSeconds: 2 } }));
      assert.match(error.message, /on worker-2: its deep health check fails: 503/);
      assert.doesNotMatch(error.message, /on worker-[13]/);
    });

    for (const [what, happens] of [
      ["is not Ready any more", () => cluster.fake.setReady("worker-2", false)],
      ["has left", () => cluster.fake.remove("worker-2")],
    ] as const) {
      it(`does not wait for an agent whose node ${what} meanwhile`, async () => {
        cluster.fake.node("worker-2").unhealthy = "503";
        counting(async (node, times) => {
          if (node === "worker-2" && times === 2) await happens();
        });
        const { workers, broken } = await verifyAgent({ target });
        assert.deepEqual(
          workers.map(({ name }) => name),
          ["worker-1", "worker-3"],
        );
        assert.deepEqual(broken, what === "has left" ? [] : ["worker-2"]);
      });
    }

    it("passes over a node without an address, and says so", async () => {
      await cluster.fake.takeAddress("worker-3");
      cluster.fake.node("worker-3").unhealthy = "503";
      const { broken } = await verifyAgent({ target });
      assert.deepEqual(broken, ["worker-3"]);
      assert.match(cluster.told, /worker-3: it reports no IPv4 address as InternalIP/);
    });
  });

  describe("clear-agent", () => {
    it("removes the rule that an agent left behind, once the agents are gone", async () => {
      await cluster.nodes({ "worker-1": ["kube2iam"], "worker-2": ["kube2iam", "kiam"] });
      await cluster.deleteAgents();
      assert.deepEqual(await clearAgent({ target, daemonSet }), { cleared: ["worker-2"] });
      assert.deepEqual(cluster.fake.node("worker-2").rules, ["kube2iam"]);
    });

    it("fails at once where an agent's node cannot be reached, names it, and clears the others", async () => {
      const patient = { ...target, timeoutSeconds: 60 };
      await cluster.nodes({
        "worker-1": ["kube2iam"],
        "worker-2": ["kube2iam", "kiam"],
        "worker-3": ["kiam", "kube2iam"],
      });
      await cluster.fake.setReady("worker-3", false);
      await cluster.deleteAgents();
      const began = Date.now();
      const error = await failureOf(clearAgent({ target: patient, daemonSet }));
      assert.ok(Date.now() - began < 20_000, "it was not waited for");
      assert.match(error.message, /node worker-3: it is not Ready/);
      assert.match(error.message, /kubectl delete node worker-3/);
      assert.doesNotMatch(error.message, /worker-[12]:/);
      assert.deepEqual(cluster.fake.node("worker-2").rules, ["kube2iam"], "cleared all the same");

      await cluster.fake.setReady("worker-3", true);
      assert.deepEqual(await clearAgent({ target: patient, daemonSet }), {
        cleared: ["worker-3"],
      });
      assert.deepEqual(cluster.fake.node("worker-3").rules, ["kube2iam"]);
    });

    it("does not wait for an agent whose node has left", async () => {
      await cluster.nodes({ "worker-1": ["kube2iam"], "worker-2": ["kube2iam", "kiam"] });
      await cluster.fake.setReady("worker-2", false);
      await cluster.deleteAgents();
      await cluster.fake.remove("worker-2");
      const began = Date.now();
      const patient = { ...target, timeoutSeconds: 60 };
      assert.deepEqual(await clearAgent({ target: patient, daemonSet }), { cleared: [] });
      assert.ok(Date.now() - began < 20_000);
    });

    it("passes over a node that cannot be reached and has no agent, and names it", async () => {
      await cluster.nodes({ "worker-1": ["kube2iam"], "worker-2": ["kube2iam"] });
      await cluster.deleteAgents();
      await cluster.agentsGone();
      await cluster.fake.setReady("worker-2", false);
      assert.deepEqual(await clearAgent({ target, daemonSet }), { cleared: [] });
      assert.match(cluster.told, /worker-2: it is not Ready; /);
    });
  });
});
