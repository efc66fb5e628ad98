import assert from "node:assert/strict";

import type { AppsV1Api, CoreV1Api, V1DaemonSet, V1Taint } from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";

import { readRecord, writeRecord } from "../../../gates/nodes/cutoverRecord.js";
import type { Target } from "../../../migration/situation/target.js";
import { clearAgent } from "../../../gates/wayBack/clearAgent.js";
import { fallback } from "../../../gates/wayBack/fallback.js";
import { letKube2iamOn } from "../../../gates/kube2iam/letOn.js";
import { restoreKube2iam } from "../../../gates/retirement/restoreKube2iam.js";
import {
  agentNotReadyTaint,
  kiamOnlyTaint,
  workerLabel,
} from "../../../migration/facts/clusterFacts.js";
import { digest } from "../../../migration/text/digest.js";
import { agentLabels } from "../../../migration/kiam/names.js";
import type { System } from "../../../migration/rules/natRule.js";
import { kube2iamName as kube2iam } from "../../../lab/workload/kube2iam.js";
import type { GateContext } from "../../../gates/protocol/context.js";
import {
  agentName as agents,
  failureOf,
  FakeCluster,
  probe,
  target as impatient,
} from "../fakeCluster.js";
import { bootIdOf } from "../fakeNode.js";
import type { FakeNodes } from "../fakeNodes.js";

/*
 * The ways back where a node is not as the others: on a real API server with the real DaemonSet
 * and garbage collector controllers. The nodes are not real (fakeNodes.ts). One file for all, since
 * their API server takes seconds to start.
 */

const target: Target = { ...impatient, timeoutSeconds: 20 };
/** For what has to be waited for in vain. */
const soon: Target = { ...target, timeoutSeconds: 3 };
const dedicated: V1Taint = { key: "dedicated", value: "gpu", effect: "NoSchedule" };
const unreadable = [
  { name: "nft" as const, tool: "iptables-nft", state: "failed" as const, detail: "lock held" },
];
const noTool = [
  { name: "nft" as const, tool: "", state: "absent" as const, detail: "no iptables-nft here" },
];

describe("the ways back where a node is not as the others, on a real API server", function () {
  this.timeout(180_000);
  let cluster: FakeCluster;
  let apps: AppsV1Api;
  let core: CoreV1Api;
  let fake: FakeNodes;
  let context: GateContext;

  before("API server", async function () {
    cluster = await FakeCluster.start(this, []);
    ({ apps, core, fake, context } = cluster);
  });

  after(async () => cluster?.stop());

  afterEach(async () => {
    if (cluster === undefined) return;
    await apps.deleteNamespacedDaemonSet(kube2iam).catch(() => undefined);
    await pWaitFor(async () => (await context.kube2iam()) === undefined);
    await cluster.reset();
    await core.deleteCollectionNode({});
  });

  const toAll = [{ operator: "Exists" }];

  function daemonSetOf(
    name: typeof kube2iam,
    labels: Record<string, string>,
    spec: object = {},
    lifecycle?: object,
  ): V1DaemonSet {
    const args = name === kube2iam ? ["--iptables=true", "--host-interface=cni0"] : [];
    const containers = [{ name: "main", image: "main", lifecycle, args }];
    return {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { ...name },
      spec: {
        selector: { matchLabels: labels },
        updateStrategy: { type: "OnDelete" },
        template: { metadata: { labels }, spec: { containers, ...spec } },
      },
    };
  }

  async function deploy(...args: Parameters<typeof daemonSetOf>): Promise<V1DaemonSet> {
    const body = daemonSetOf(...args);
    return apps.createNamespacedDaemonSet({ namespace: args[0].namespace, body });
  }

  const kube2iamLabels = { "app.kubernetes.io/name": "kube2iam" };
  const deployKube2iam = (spec?: object, lifecycle?: object) =>
    deploy(kube2iam, kube2iamLabels, spec, lifecycle);
  const deployAgents = () =>
    deploy(agents, { ...agentLabels }, { nodeSelector: { worker: "yes" }, tolerations: toAll });

  let address = 10;
  async function addWorker(name: string, taints: V1Taint[] = []): Promise<void> {
    address += 1;
    await fake.add(name, `10.0.0.${address}`, { worker: "yes", [workerLabel]: "true" }, taints);
  }
  async function addMaster(name: string): Promise<void> {
    address += 1;
    await fake.add(name, `10.0.0.${address}`);
  }

  /** Once just these nodes have a pod of a system that runs, or is in that other phase. */
  async function running(name: typeof kube2iam, ...on: string[]): Promise<void> {
    return inPhase("Running", name, ...on);
  }
  async function inPhase(phase: string, name: typeof kube2iam, ...on: string[]): Promise<void> {
    await pWaitFor(
      async () => {
        const { items } = await core.listNamespacedPod({ namespace: name.namespace });
        const nodes = items
          .filter(({ metadata, status }) => {
            const owner = metadata?.ownerReferences?.[0]?.name;
            return owner === name.name && status?.phase === phase;
          })
          .map(({ spec }) => spec?.nodeName ?? "");
        return nodes.sort().join() === [...on].sort().join();
      },
      { interval: 200, timeout: 30_000 },
    );
  }

  async function record(name: string): Promise<void> {
    await writeRecord(context, name, {
      ...{ generation: digest([name]), bootId: bootIdOf(name), kube2iamPod: "", proven: true },
    });
  }

  function setRules(name: string, ...rules: System[]): void {
    fake.node(name).rules = rules;
  }

  async function taintsOf(name: string): Promise<string[]> {
    const { spec } = await core.readNode({ name });
    return (spec?.taints ?? []).map(({ key }) => key);
  }

  const refusal = async (gate: Promise<unknown>) => (await failureOf(gate)).message;

  describe("fallback", () => {
    it("lets kube2iam come to a node that joined with the kiam-only taint, and brings it back", async () => {
      await addWorker("worker-1");
      await addWorker("newcomer", [kiamOnlyTaint]);
      await deployKube2iam();
      await running(kube2iam, "worker-1");
      await deployAgents();
      await running(agents, "newcomer", "worker-1");
      assert.deepEqual(fake.node("newcomer").rules, ["kiam"]);

      const { workers, skipped } = await fallback({ target, probe });
      assert.deepEqual(skipped, []);
      assert.deepEqual(workers.map(({ name }) => name).sort(), ["newcomer", "worker-1"]);
      for (const name of ["newcomer", "worker-1"]) {
        assert.deepEqual(fake.node(name).rules, ["kube2iam"], name);
      }
      assert.ok(!(await taintsOf("newcomer")).includes(kiamOnlyTaint.key));
    });

    it("takes the startup taint off a node that joined meanwhile once its agent is ready, and brings it back", async () => {
      await addWorker("worker-1");
      await deployKube2iam();
      await running(kube2iam, "worker-1");
      await deployAgents();
      await running(agents, "worker-1");
      let joined = false;
      fake.onExec = async () => {
        if (joined) return;
        joined = true;
        await addWorker("newcomer", [agentNotReadyTaint]);
        await running(agents, "newcomer", "worker-1");
      };
      const { workers } = await fallback({ target, probe });
      assert.deepEqual(workers.map(({ name }) => name).sort(), ["newcomer", "worker-1"]);
      assert.deepEqual(fake.node("newcomer").rules, ["kube2iam"]);
      assert.ok(!(await taintsOf("newcomer")).includes(agentNotReadyTaint.key));
    });

    it("leaves the startup taint on a node whose agent does not become ready, and says why it is not back", async () => {
      await addWorker("worker-1");
      await addWorker("newcomer", [agentNotReadyTaint]);
      fake.node("newcomer").stuck.add("kiam");
      await deployKube2iam();
      await running(kube2iam, "worker-1");
      await deployAgents();
      await running(agents, "worker-1");
      await inPhase("Pending", agents, "newcomer");
      const message = await refusal(fallback({ target: soon, probe }));
      assert.match(message, /node newcomer: kube2iam does not run there: .*agent-not-ready/);
      assert.ok((await taintsOf("newcomer")).includes(agentNotReadyTaint.key));
      assert.deepEqual(fake.node("worker-1").rules, ["kube2iam"]);
    });

    it("says at once of a node that kube2iam cannot come to why, and brings back all others", async () => {
      await addWorker("worker-1");
      await addWorker("gpu-1", [dedicated]);
      await deployKube2iam();
      await running(kube2iam, "worker-1");
      await deployAgents();
      await running(agents, "gpu-1", "worker-1");
      setRules("worker-1", "kiam", "kube2iam");

      const began = Date.now();
      const message = await refusal(fallback({ target, probe }));
      assert.match(
        message,
        /node gpu-1: .*the node has the taint dedicated=gpu:NoSchedule, which its pods do not tolerate/,
      );
      assert.ok(Date.now() - began < 1000 * target.timeoutSeconds, `${Date.now() - began} ms`);
      assert.deepEqual(fake.node("worker-1").rules, ["kube2iam"]);
      assert.deepEqual(fake.node("gpu-1").rules, ["kiam"]);
    });

    it("passes over a node that kiam never touched and on which kube2iam does not run", async () => {
      await addWorker("worker-1");
      await addMaster("master-1");
      fake.node("master-1").stuck.add("kube2iam");
      await deployKube2iam();
      await running(kube2iam, "worker-1");
      await deployAgents();
      await running(agents, "worker-1");

      const began = Date.now();
      const { workers, skipped } = await fallback({ target, probe });
      assert.deepEqual(skipped, ["master-1"]);
      assert.deepEqual(
        workers.map(({ name }) => name),
        ["worker-1"],
      );
      assert.match(cluster.told, /master-1: .*kube2iam.*skipped, since no agent of kiam is there/);
      assert.ok(Date.now() - began < 1000 * target.timeoutSeconds, `${Date.now() - began} ms`);
    });

    for (const [how, tables] of [
      ["could not be read", unreadable],
      ["could not be looked at", noTool],
    ] as const) {
      it(`does not take tables that ${how} for tables without kiam's rule`, async () => {
        await addWorker("worker-1");
        await addMaster("moved");
        await deployKube2iam();
        await running(kube2iam, "moved", "worker-1");
        await deployAgents();
        await running(agents, "worker-1");
        // Moved, and its agent is gone: nobody answers there.
        await record("moved");
        setRules("moved", "kiam");
        fake.node("moved").tables = { kube2iam: tables };

        const message = await refusal(fallback({ target, probe }));
        assert.match(message, /node moved/);
        assert.match(
          message,
          new RegExp(how === "could not be read" ? "lock held" : "no iptables-nft here"),
        );
        assert.notEqual(await readRecord(context, "moved"), undefined);

        // The answer is the proof, whatever can be read.
        setRules("moved", "kube2iam");
        const { workers } = await fallback({ target, probe });
        assert.deepEqual(workers.map(({ name }) => name).sort(), ["moved", "worker-1"]);
        assert.equal(await readRecord(context, "moved"), undefined);
      });
    }

    it("keeps the agents, and the record, where a moved node has no pod to look through", async () => {
      await addWorker("worker-1");
      await addMaster("moved");
      fake.node("moved").stuck.add("kube2iam");
      setRules("moved", "kiam");
      await record("moved");
      await deployKube2iam();
      await running(kube2iam, "worker-1");
      await deployAgents();
      await running(agents, "worker-1");

      assert.match(await refusal(fallback({ target: soon, probe })), /node moved/);
      assert.notEqual(await readRecord(context, "moved"), undefined);
    });
  });

  describe("the end of the agents", () => {
    const selection = { workers: { selector: { worker: "yes" } }, kiam: {} };
    const clear = (of: Target = target) =>
      clearAgent({ target: of, daemonSet: agents, probe, selection });

    it("does not take tables that could not be read for tables without kiam's rule", async () => {
      await addWorker("worker-1");
      await deployKube2iam();
      await running(kube2iam, "worker-1");
      setRules("worker-1", "kiam", "kube2iam");
      fake.node("worker-1").tables = { kube2iam: unreadable };
      const message = await refusal(clear());
      assert.match(message, /node worker-1: .*lock held/);

      setRules("worker-1", "kube2iam");
      assert.deepEqual(await clear(), { cleared: [] });
      assert.match(cluster.told, /worker-1: .*lock held.*kube2iam answers/);
    });

    it("lets kube2iam come to a newcomer whose agent was late, and removes the rule it left", async () => {
      await addWorker("worker-1");
      await addWorker("newcomer", [kiamOnlyTaint]);
      setRules("newcomer", "kiam");
      await deployKube2iam();
      await running(kube2iam, "worker-1");

      assert.deepEqual(await clear(), { cleared: ["newcomer"] });
      assert.deepEqual(fake.node("newcomer").rules, ["kube2iam"]);
    });

    it("fails for a node that kube2iam cannot come to and where nobody answers; names those out of reach", async () => {
      await addWorker("gpu-1", [dedicated]);
      await addWorker("gpu-2", [dedicated]);
      await addWorker("worker-1");
      await addMaster("master-1");
      await fake.setReady("worker-1", false);
      setRules("gpu-1", "kiam");
      await deployKube2iam();

      const message = await refusal(clear());
      assert.match(message, /node gpu-1: .*dedicated=gpu:NoSchedule/);
      assert.doesNotMatch(message, /gpu-2|master-1/);
      assert.match(cluster.told, /worker-1: it is not Ready; passed over/);
      assert.match(cluster.told, /gpu-2: .*EC2's metadata service itself answers/);
    });
  });

  describe("the end of the retirement", () => {
    const restore = (of: Target = target) => {
      const manifest = daemonSetOf(kube2iam, kube2iamLabels) as never;
      return restoreKube2iam({ target: of, probe, manifest, companions: [] });
    };

    it("leaves to kiam, by name, what kube2iam does not tolerate; all others have kube2iam again", async () => {
      await addWorker("worker-1");
      await addWorker("gpu-1", [dedicated]);
      await deployAgents();
      await running(agents, "gpu-1", "worker-1");

      const { workers, skipped } = await restore();
      assert.deepEqual([workers.sort(), skipped], [["gpu-1", "worker-1"], []]);
      assert.deepEqual(fake.node("worker-1").rules, ["kiam"]);
      await running(kube2iam, "worker-1");
      assert.match(
        cluster.told,
        /gpu-1: the node has the taint dedicated=gpu:NoSchedule.*kiam goes on/,
      );
    });

    it("does not wait for kube2iam where kiam is not", async () => {
      await addWorker("worker-1");
      await addMaster("master-1");
      fake.node("master-1").stuck.add("kube2iam");
      await deployAgents();
      await running(agents, "worker-1");
      assert.deepEqual((await restore()).workers, ["worker-1"]);
    });

    it("waits for kube2iam where kiam is, and says what keeps it", async () => {
      await addWorker("worker-1");
      fake.node("worker-1").stuck.add("kube2iam");
      await deployAgents();
      await running(agents, "worker-1");
      assert.match(await refusal(restore(soon)), /kube2iam-\w+ on worker-1: it is not ready/);
    });

    it("is done where no node is left, or none that can be reached", async () => {
      await deployAgents();
      assert.deepEqual((await restore()).workers, []);
      await addWorker("worker-1");
      await running(agents, "worker-1");
      await fake.setReady("worker-1", false);
      assert.deepEqual((await restore()).skipped, ["worker-1"]);
    });
  });

  describe("what lets kube2iam on again", () => {
    it("waits for the nodes that it was kept off, and for no other", async () => {
      await addMaster("master-1");
      fake.node("master-1").stuck.add("kube2iam");
      await deployKube2iam();
      await addWorker("newcomer", [kiamOnlyTaint]);
      assert.deepEqual((await letKube2iamOn({ target })).untainted, ["newcomer"]);
      await running(kube2iam, "newcomer");
    });

    it("is done where no node is left", async () => {
      await deployKube2iam();
      assert.deepEqual((await letKube2iamOn({ target })).untainted, []);
    });
  });
});
