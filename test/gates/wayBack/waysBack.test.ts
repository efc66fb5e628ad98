import assert from "node:assert/strict";

import type { KubernetesObject } from "@kubernetes/client-node";

import { readRecord, writeRecord } from "../../../gates/nodes/cutoverRecord.js";
import { ExecRefusedError } from "../../../cluster/kubernetes/exec.js";
import { StopAskedError } from "../../../migration/move/orderlyStop.js";
import { GateError } from "../../../migration/text/problem.js";
import { fallback } from "../../../gates/wayBack/fallback.js";
import { returnWorker } from "../../../gates/wayBack/returnWorker.js";
import { kube2iamName, kube2iamObjects } from "../../../lab/workload/kube2iam.js";
import { digest } from "../../../migration/text/digest.js";
import {
  credentialRuleSpec,
  type CapturedRule,
  type System,
} from "../../../migration/rules/natRule.js";
import {
  agentless,
  failureOf,
  probe,
  target,
  useFakeCluster,
  type FakeCluster,
} from "../fakeCluster.js";
import { bootIdOf } from "../fakeNode.js";
import { inStoppableUpdate } from "../stopAsked.js";

/*
 * What the two ways back without SSH decide, on a real API server with the real DaemonSet
 * controller. The nodes are not real (fakeNodes.ts): rules, probes and answers are only told. One
 * file for both, since their API server takes seconds to start.
 */

function kube2iamDaemonSet(): KubernetesObject {
  return kube2iamObjects({ workers: 0 }).find(({ kind }) => kind === "DaemonSet")!;
}

/** As a kubelet answers that has not yet heard of a pod, by way of the API server. */
function unknownPod(): ExecRefusedError {
  const failure = new GateError("exec in pod: unable to upgrade connection: pod does not exist");
  return new ExecRefusedError(failure, true);
}

describe("the ways back, on a real API server", function () {
  this.timeout(120_000);
  let cluster: FakeCluster;
  useFakeCluster((started) => (cluster = started));

  const rules = () =>
    Object.fromEntries([...cluster.fake.nodes.values()].map(({ name, rules }) => [name, rules]));

  /** Does something once, when a gate changes the rules of that node, or looks at them for the first time. */
  function onceOn(node: string, verb: "inspect" | "remove" | "restore", what: () => Promise<void>) {
    let done = false;
    cluster.fake.onExec = async (name, command) => {
      if (done || name !== node || !command.includes(verb)) return;
      done = true;
      await what();
    };
  }

  describe("fallback", () => {
    const moved: Record<string, System[]> = {
      "worker-1": ["kiam", "kube2iam"],
      "worker-2": ["kiam", "kube2iam"],
    };
    const back = (change: Partial<typeof target> = {}) =>
      fallback({ target: { ...target, ...change }, probe });

    it("brings back every node, by whose rule was in front, and leaves no record", async () => {
      await cluster.nodes({ ...moved, "worker-3": ["kube2iam", "kiam"], "worker-4": ["kiam"] });
      await writeRecord(cluster.context, "worker-1", { undone: "2026-01-01T00:00:00.000Z" });
      const { workers, skipped } = await back();
      assert.deepEqual(
        workers.map(({ name, moved: was }) => [name, was]),
        [
          ["worker-1", true],
          ["worker-2", true],
          ["worker-3", false],
          ["worker-4", true],
        ],
      );
      assert.deepEqual(skipped, []);
      for (const own of Object.values(rules())) assert.deepEqual(own, ["kube2iam"]);
      assert.equal(await readRecord(cluster.context, "worker-1"), undefined);
    });

    it("touches nothing where kube2iam's DaemonSet is gone", async () => {
      await cluster.nodes(moved);
      await cluster.apps.deleteNamespacedDaemonSet(kube2iamName);
      try {
        const error = await failureOf(back());
        assert.match(error.message, /DaemonSet kube-system\/kube2iam: it does not exist/);
        assert.deepEqual(rules(), moved);
      } finally {
        await cluster.api.objects.create(kube2iamDaemonSet());
      }
    });

    it("lists the nodes again until none is new: those that join meanwhile are brought back as well", async () => {
      await cluster.nodes(moved);
      const join = async (name: string, hostIp: string) => {
        await cluster.fake.add(name, hostIp);
        cluster.fake.node(name).rules = ["kiam"];
      };
      let joined = 0;
      cluster.fake.onExec = async (node) => {
        if (joined === 0 && node === "worker-1") await join("worker-3", `10.0.0.2${++joined}`);
        if (joined === 1 && node === "worker-3") await join("worker-4", `10.0.0.2${++joined}`);
      };
      const { workers } = await back({ timeoutSeconds: 20 });
      assert.deepEqual(
        workers.map(({ name }) => name),
        ["worker-1", "worker-2", "worker-3", "worker-4"],
      );
      for (const own of Object.values(rules())) assert.deepEqual(own, ["kube2iam"]);
      assert.match(cluster.told, /joined meanwhile: worker-3\n[^]*joined meanwhile: worker-4\n/);
    });

    it("waits for a kubelet that does not know its pods yet, as on a node that has just joined", async () => {
      await cluster.nodes(moved);
      let refusals = 0;
      cluster.fake.onExec = (node) =>
        node === "worker-2" && ++refusals <= 5 ? Promise.reject(unknownPod()) : Promise.resolve();
      await back();
      assert.ok(refusals > 5);
      for (const own of Object.values(rules())) assert.deepEqual(own, ["kube2iam"]);
    });

    it("goes on through the pod that replaces one of a node that left under this name", async () => {
      await cluster.nodes(moved);
      let refusals = 0;
      cluster.fake.onExec = async (node, _command, pod) => {
        if (node !== "worker-2" || refusals === 2) return;
        refusals++;
        const { namespace = "", name = "" } = pod.metadata ?? {};
        await cluster.core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
        throw unknownPod();
      };
      await back({ timeoutSeconds: 20 });
      for (const own of Object.values(rules())) assert.deepEqual(own, ["kube2iam"]);
    });

    it("does not wait for a container that is known not to run", async () => {
      await cluster.nodes(moved);
      for (const pod of [...(await cluster.agents()), ...(await cluster.podsOf(kube2iamName))]) {
        if (pod.spec?.nodeName === "worker-2") await cluster.fake.endContainers(pod);
      }
      let refusals = 0;
      cluster.fake.onExec = (node) => {
        if (node !== "worker-2") return Promise.resolve();
        refusals++;
        return Promise.reject(unknownPod());
      };
      const error = await failureOf(back());
      assert.match(error.message, /node worker-2: exec in pod/);
      assert.equal(refusals, 2, "once in each system's pod");
    });

    for (const [what, lose, why] of [
      ["is not Ready", () => cluster.fake.setReady("worker-2", false), /it is not Ready/],
      ["reports no address", () => cluster.fake.takeAddress("worker-2"), /it reports no IPv4/],
    ] as const) {
      it(`keeps the agents for a node that ${what} at the beginning; all others go back`, async () => {
        await cluster.nodes(moved);
        await lose();
        const error = await failureOf(back());
        assert.match(error.message, /1 node on kube2iam; kiam's agents stay/);
        assert.match(error.message, /node worker-2: /);
        assert.match(error.message, why);
        assert.deepEqual(rules(), { ...moved, "worker-1": ["kube2iam"] });
      });
    }

    it("keeps the agents for a node that is not Ready in the middle of it", async () => {
      await cluster.nodes(moved);
      onceOn("worker-2", "remove", () => cluster.fake.setReady("worker-2", false));
      const error = await failureOf(back());
      assert.match(error.message, /node worker-2: it is not Ready/);
      assert.deepEqual(rules(), { ...moved, "worker-1": ["kube2iam"] });
    });

    it("skips, by name, a node that cannot be reached and never had an agent", async () => {
      await cluster.nodes({ "worker-1": ["kiam", "kube2iam"] });
      await cluster.fake.add("worker-2", "10.0.0.12", { [agentless]: "" });
      await cluster.kube2iamOn("worker-2");
      await cluster.fake.setReady("worker-2", false);
      const { workers, skipped } = await back();
      assert.deepEqual([workers.map(({ name }) => name), skipped], [["worker-1"], ["worker-2"]]);
      assert.match(cluster.told, /worker-2: it is not Ready; skipped/);
    });

    it("needs nothing of a node that leaves in the middle of it", async () => {
      await cluster.nodes(moved);
      onceOn("worker-2", "remove", () => cluster.fake.remove("worker-2"));
      const { workers, skipped } = await back();
      assert.deepEqual([workers.map(({ name }) => name), skipped], [["worker-1"], []]);
      assert.match(cluster.told, /worker-2 has left the cluster/);
    });

    it("brings back the successor, at its own address, of a node replaced under its name", async () => {
      await cluster.nodes(moved);
      onceOn("worker-2", "inspect", async () => {
        await cluster.replace("worker-2", "10.0.0.99");
        cluster.fake.node("worker-2").rules = ["kiam", "kube2iam"];
        throw new Error("connection reset");
      });
      const { workers } = await back();
      assert.deepEqual(
        workers.map(({ name }) => name),
        ["worker-1", "worker-2"],
      );
      assert.deepEqual(rules()["worker-2"], ["kube2iam"]);
      assert.match(cluster.told, /kube2iam at 10\.0\.0\.99:8181 answered/);
    });

    it("leaves a node to kiam where kube2iam does not come up there", async () => {
      await cluster.nodes({ ...moved, "worker-2": ["kiam"] });
      cluster.fake.node("worker-2").stuck.add("kube2iam");
      const error = await failureOf(back({ timeoutSeconds: 3 }));
      assert.match(error.message, /node worker-2: no ready pod of kube2iam 3 s after its restart/);
      assert.deepEqual(rules(), { "worker-1": ["kube2iam"], "worker-2": ["kiam"] });
    });

    it("leaves kiam's rule where kiam answers at kube2iam's own port", async () => {
      await cluster.nodes(moved);
      cluster.fake.node("worker-2").answers = "kiam";
      const error = await failureOf(back());
      assert.match(error.message, /node worker-2, pod kiam\//);
      assert.deepEqual(rules(), { ...moved, "worker-1": ["kube2iam"] });
    });

    it("does not count a node as brought back where kiam answers although its rule is gone", async () => {
      await cluster.nodes(moved);
      const record = { undone: "2026-01-01T00:00:00.000Z" };
      for (const name of Object.keys(moved)) await writeRecord(cluster.context, name, record);
      onceOn("worker-2", "remove", () => {
        cluster.fake.node("worker-2").answers = "kiam";
        return Promise.resolve();
      });
      const error = await failureOf(back());
      assert.match(error.message, /node worker-2.*: by its iptables rules it would be kube2iam/);
      assert.deepEqual(
        await readRecord(cluster.context, "worker-2"),
        record,
        "it is looked at again",
      );
      assert.equal(await readRecord(cluster.context, "worker-1"), undefined);
    });

    it("names in one error every node that failed and every one that cannot be reached, whatever joins", async () => {
      await cluster.nodes({ ...moved, "worker-3": ["kiam", "kube2iam"] });
      cluster.fake.node("worker-2").answers = "kiam";
      await cluster.fake.setReady("worker-3", false);
      onceOn("worker-1", "remove", async () => {
        await cluster.fake.add("worker-4", "10.0.0.24");
        cluster.fake.node("worker-4").rules = ["kiam"];
      });
      const error = await failureOf(back({ timeoutSeconds: 20 }));
      assert.match(error.message, /node worker-2, pod /);
      assert.match(error.message, /node worker-3: it is not Ready/);
      assert.doesNotMatch(error.message, /worker-[14]\b/);
      assert.deepEqual(rules(), {
        "worker-1": ["kube2iam"],
        "worker-2": ["kiam", "kube2iam"],
        "worker-3": ["kiam", "kube2iam"],
        "worker-4": ["kube2iam"],
      });
    });
  });

  describe("return-worker", () => {
    const name = "worker-1";
    const hostIp = "10.0.0.11";
    const proven = {
      generation: digest(["g"]),
      bootId: bootIdOf(name),
      kube2iamPod: "",
      proven: true,
      rehearsed: true,
    };
    const captured = (address: string): CapturedRule[] => [
      { backend: "nft", spec: credentialRuleSpec({ interface: "cni0", address, port: 8181 }) },
    ];

    const giveBack = (change: Partial<typeof target> = {}) =>
      returnWorker({
        ...{ target: { ...target, ...change }, probe },
        worker: { name, uid: "as it was at its cutover", hostIp },
        rules: captured(hostIp),
      });
    const owed = async () => {
      const record = await readRecord(cluster.context, name);
      assert.ok(record !== undefined && "returnOwed" in record, JSON.stringify(record));
      assert.equal(record.rehearsed, true, "what later records keep");
    };

    beforeEach(async () => {
      await cluster.nodes({ [name]: ["kiam"] });
      await writeRecord(cluster.context, name, proven);
    });

    it("puts kube2iam's rule in front, proves it, and takes the record off", async () => {
      assert.deepEqual(await giveBack(), { returned: true });
      assert.deepEqual(rules()[name], ["kube2iam", "kiam"]);
      assert.equal(await readRecord(cluster.context, name), undefined);
    });

    it("does not begin once the update was asked to stop, and ends what has begun", () =>
      inStoppableUpdate(async (askToStop) => {
        onceOn(name, "restore", askToStop);
        assert.deepEqual(await giveBack(), { returned: true });
        cluster.fake.node(name).rules = ["kiam"];
        await assert.rejects(giveBack(), StopAskedError);
        assert.deepEqual(rules()[name], ["kiam"]);
      }));

    it("changes nothing where kube2iam serves already", async () => {
      cluster.fake.node(name).rules = ["kube2iam", "kiam"];
      cluster.fake.onExec = (_, command) => {
        assert.ok(!command.includes("restore") && !command.includes("remove"), command.join(" "));
        return Promise.resolve();
      };
      assert.deepEqual(await giveBack(), { returned: false });
      assert.equal(await readRecord(cluster.context, name), undefined);
    });

    it("needs nothing of a node that has left, before or in the middle", async () => {
      onceOn(name, "restore", () => cluster.fake.remove(name));
      assert.deepEqual(await giveBack(), { returned: false });
      assert.deepEqual(await giveBack(), { returned: false });
      assert.match(cluster.told, /no longer in the cluster; nothing to return/);
    });

    for (const [what, lose, why] of [
      ["is not Ready", () => cluster.fake.setReady(name, false), /it is not Ready/],
      ["reports no address", () => cluster.fake.takeAddress(name), /it reports no IPv4 address/],
    ] as const) {
      it(`leaves a node that ${what} to kiam, and notes that its return is owed`, async () => {
        await lose();
        assert.deepEqual(await giveBack(), { returned: false });
        await owed();
        assert.deepEqual(rules()[name], ["kiam"]);
        assert.match(cluster.told, why);
      });

      it(`notes the same of one that ${what} in the middle`, async () => {
        onceOn(name, "restore", async () => {
          await lose();
          throw new Error("connection reset");
        });
        assert.deepEqual(await giveBack(), { returned: false });
        await owed();
      });
    }

    it("owes nothing to the successor of a node that was replaced in the middle", async () => {
      onceOn(name, "restore", async () => {
        await cluster.replace(name, "10.0.0.99");
        throw new Error("connection reset");
      });
      assert.deepEqual(await giveBack(), { returned: false });
      assert.equal(await readRecord(cluster.context, name), undefined);
    });

    it("gives a node that was replaced before its own rule, not the one that was captured", async () => {
      await cluster.replace(name, "10.0.0.99");
      cluster.fake.node(name).rules = ["kiam"];
      let restored = "";
      cluster.fake.onExec = (_, command) => {
        if (command.includes("restore")) restored = command.join(" ");
        return Promise.resolve();
      };
      assert.deepEqual(await giveBack(), { returned: true });
      assert.match(restored, /10\.0\.0\.99:8181/);
      assert.doesNotMatch(restored, /10\.0\.0\.11/);
    });

    it("leaves the node to kiam, and its record, where kube2iam does not come up there", async () => {
      cluster.fake.node(name).stuck.add("kube2iam");
      await cluster.deleteKube2iamOn(name);
      const error = await failureOf(giveBack({ timeoutSeconds: 3 }));
      assert.match(error.message, /node worker-1: no ready pod of kube2iam/);
      assert.deepEqual(rules()[name], ["kiam"]);
      assert.deepEqual(await readRecord(cluster.context, name), proven);
    });

    it("takes kube2iam's rule away again where kiam answers behind it, and keeps the record", async () => {
      cluster.fake.node(name).answers = "kiam";
      const error = await failureOf(giveBack());
      assert.match(error.message, /kube2iam does not serve worker-1, which stays on kiam/);
      assert.deepEqual(rules()[name], ["kiam"]);
      assert.deepEqual(await readRecord(cluster.context, name), proven);
    });
  });
});
