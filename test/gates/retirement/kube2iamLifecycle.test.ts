import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";

import {
  PatchStrategy,
  RbacAuthorizationV1Api,
  setHeaderOptions,
  type AppsV1Api,
  type CoreV1Api,
  type V1DaemonSet,
  type V1OwnerReference,
  type V1Pod,
} from "@kubernetes/client-node";
import pWaitFor from "p-wait-for";

import { Cluster } from "../../../cluster/kubernetes/cluster.js";
import { nameOf } from "../../../cluster/kubernetes/objects.js";
import { readRecord, removeRecord, writeRecord } from "../../../gates/nodes/cutoverRecord.js";
import type { CheckedInput, GateOutput } from "../../../gates/protocol/inputs.js";
import { StopAskedError } from "../../../migration/move/orderlyStop.js";
import type { Target } from "../../../migration/situation/target.js";
import { listKube2iamPods } from "../../../gates/kube2iam/pods.js";
import { replaceHookedPod } from "../../../gates/kube2iam/preStop.js";
import { accountForNodes } from "../../../gates/nodes/accountForNodes.js";
import { captureKube2iam } from "../../../gates/retirement/captureKube2iam.js";
import { neutralisePrestop } from "../../../gates/kube2iam/neutralisePrestop.js";
import { restoreKube2iam } from "../../../gates/retirement/restoreKube2iam.js";
import { retireKube2iam } from "../../../gates/retirement/retireKube2iam.js";
import { probeLive } from "../../../gates/probe/probeLive.js";
import { readStandings } from "../../../gates/nodes/standings.js";
import { isProvenNow } from "../../../migration/situation/nodeStandings.js";
import { verifyAgent } from "../../../gates/kiam/verifyAgent.js";
import { kube2iamName as name, kube2iamObjects } from "../../../lab/workload/kube2iam.js";
import { digest } from "../../../migration/text/digest.js";
import { workerLabel } from "../../../migration/facts/clusterFacts.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { roleAnnotation } from "../../../migration/kiam/permitted.js";
import type { NodeReport } from "../../../migration/rules/nodeReport.js";
import { preStopToken } from "../../../migration/kube2iam/preStopToken.js";
import { readClusterFacts } from "../../../cluster/facts/readCluster.js";
import { exampleSettings } from "../../support/exampleCluster.js";
import type { ApiServer } from "../../engine/apiserver.js";
import { agentless, FakeCluster, probe, target as impatient } from "../fakeCluster.js";
import { bootIdOf } from "../fakeNode.js";
import { inStoppableUpdate } from "../stopAsked.js";
import type { FakeNodes } from "../fakeNodes.js";
import { GateContext } from "../../../gates/protocol/context.js";

/*
 * What the gates do to kube2iam's objects and pods, on a real API server with the real DaemonSet
 * and garbage collector controllers. The nodes are not real: that pods are disarmed, rules change
 * and probes are answered is only told (fakeNodes.ts). Each test goes on where the one before ended,
 * so all are in one file.
 */

const workers = ["worker-1", "worker-2", "worker-3"];
const everywhere = ["master-1", ...workers];
const hook = {
  exec: {
    command: [
      "/bin/sh",
      "-c",
      "eval `iptables-save | grep 169.254.169.254 | sed s/-A/'iptables -t nat -D'/g`",
    ],
  },
};
const target: Target = { ...impatient, timeoutSeconds: 60 };

describe("kube2iam's last days, on a real API server", function () {
  this.timeout(180_000);
  let started: FakeCluster;
  let api: ApiServer;
  let apps: AppsV1Api;
  let core: CoreV1Api;
  let rbac: RbacAuthorizationV1Api;
  let fake: FakeNodes;
  let context: GateContext;
  let captured: GateOutput<"capture-kube2iam">;

  before("API server, nodes, kube2iam with its README's hook", async function () {
    const objects = kube2iamObjects({ workers: 3 });
    for (const object of objects) {
      const [container] = (object as V1DaemonSet).spec?.template.spec?.containers ?? [];
      if (container !== undefined) container.lifecycle = { preStop: hook };
    }
    started = await FakeCluster.start(this, objects);
    ({ api, apps, core, fake } = started);
    rbac = api.config.makeApiClient(RbacAuthorizationV1Api);
    context = await GateContext.connect(target);
    await fake.add("master-1", "10.0.0.10", { [agentless]: "true" });
    for (const [index, worker] of workers.entries()) {
      await fake.add(worker, `10.0.0.1${index + 1}`, { [workerLabel]: "true" });
    }
    await podsEverywhere();
  });

  after("stop what was started", async () => started?.stop());

  /** As a chart that is applied again does. */
  async function setHook(): Promise<void> {
    const containers = [{ name: "kube2iam", lifecycle: { preStop: hook } }];
    await apps.patchNamespacedDaemonSet(
      {
        ...name,
        body: { spec: { template: { spec: { containers } } } },
      },
      setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
    );
  }

  async function daemonSet(): Promise<V1DaemonSet> {
    return apps.readNamespacedDaemonSet(name);
  }

  /** kube2iam's pods by node, those without an owner included. */
  async function pods(): Promise<Record<string, V1Pod>> {
    const found = await listKube2iamPods(context, { metadata: name, spec: { selector } });
    return Object.fromEntries(
      found
        .map((pod): [string, V1Pod] => [pod.spec?.nodeName ?? "", pod])
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  async function podsEverywhere(): Promise<void> {
    await pWaitFor(
      async () => {
        const found = Object.values(await pods());
        return (
          found.length === everywhere.length &&
          found.every((pod) => pod.status?.phase === "Running")
        );
      },
      { interval: 200, timeout: 30_000 },
    );
  }

  const uids = async () =>
    Object.fromEntries(
      Object.entries(await pods()).map(([node, pod]) => [node, pod.metadata?.uid]),
    );

  const facts = () => readClusterFacts(api.config, parseSettings(exampleSettings()));

  async function neutralise(): Promise<GateOutput<"neutralise-prestop">> {
    return neutralisePrestop({ target, token: preStopToken(await facts()) });
  }

  const selector = { matchLabels: { "app.kubernetes.io/name": "kube2iam" } };

  function retirement(
    change: Partial<CheckedInput<"retire-kube2iam">> = {},
  ): CheckedInput<"retire-kube2iam"> {
    return {
      ...{ target, probe, manifest: captured.manifest, pace: "worker", outside: ["master-1"] },
      connections: { waitSeconds: 0, then: "stop" },
      ...change,
    };
  }

  const restore = () =>
    restoreKube2iam({
      ...{ target, probe, manifest: captured.manifest, companions: captured.companions },
    });

  /** As stage cutover leaves the workers. */
  async function cutOver(): Promise<void> {
    for (const [node, uid] of Object.entries(await uids())) {
      if (!workers.includes(node)) continue;
      fake.node(node).rules = ["kiam"];
      const record = {
        generation: digest([node]),
        bootId: bootIdOf(node),
        kube2iamPod: uid ?? "",
        proven: true,
      };
      await writeRecord(context, node, record);
    }
  }

  describe("the preStop hook", () => {
    it("is taken off and disarmed, and nothing else changes, least of all a pod", async () => {
      const before = await daemonSet();
      const running = await uids();
      assert.equal((await facts()).kube2iam?.preStop.length, 1);

      const { removed, disarmed } = await neutralise();
      assert.deepEqual(removed, [hook.exec.command.join(" ")]);
      assert.deepEqual(disarmed, everywhere);
      assert.equal(fake.disarmed.size, everywhere.length);
      assert.deepEqual(await uids(), running);

      const after = await daemonSet();
      const expected = JSON.parse(JSON.stringify(before.spec)) as NonNullable<V1DaemonSet["spec"]>;
      delete expected.template.spec?.containers[0]?.lifecycle;
      expected.updateStrategy = { type: "OnDelete" };
      assert.deepEqual(JSON.parse(JSON.stringify(after.spec)), expected);
      assert.deepEqual(after.metadata?.labels, before.metadata?.labels);
    });

    it("makes the same token again, so that an unchanged program has nothing to do", async () => {
      const noted = (await facts()).notes.preStopToken;
      assert.notEqual(noted, undefined);
      assert.equal(preStopToken(await facts()), noted);
      const { removed } = await neutralise();
      assert.deepEqual(removed, []);
      assert.equal(preStopToken(await facts()), noted);
    });

    it("makes another token when it comes back, and is neutralised again", async () => {
      const noted = (await facts()).notes.preStopToken;
      await setHook();
      assert.notEqual(preStopToken(await facts()), noted);
      const { removed } = await neutralise();
      assert.equal(removed.length, 1);
      assert.equal((await facts()).kube2iam?.preStop.length, 0);
    });

    it("that cannot be disarmed is named with its pod and a way out by hand; the token stays new", async () => {
      await setHook();
      const noted = (await facts()).notes.preStopToken;
      fake.undisarmable.set("worker-2", "/sbin/iptables could not be replaced");
      const token = preStopToken(await facts());
      await assert.rejects(neutralisePrestop({ target, token }), (error: Error) => {
        assert.match(error.message, /not disarmed everywhere \(1 of 4 .*worker-2\)/);
        assert.match(error.message, /kube2iam-\w+ on worker-2.*could not be replaced/);
        assert.match(error.message, /what to do: .*OnDelete.*one by one/);
        return true;
      });
      fake.undisarmable.clear();
      assert.equal(preStopToken(await facts()), token, "the next update runs it again");
      assert.notEqual(token, noted);
      assert.deepEqual((await neutralise()).disarmed, everywhere);
    });

    it("of a container that is down is waited for, and says what to do where it stays down", async () => {
      const pod = (await pods())["worker-3"];
      const setState = (state: object) => {
        const [status] = pod?.status?.containerStatuses ?? [];
        return core.patchNamespacedPodStatus(
          {
            ...{ namespace: name.namespace, name: pod?.metadata?.name ?? "" },
            body: { status: { containerStatuses: [{ ...status, state }] } },
          },
          setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        );
      };
      await setState({ waiting: { reason: "CrashLoopBackOff" }, running: null });
      await assert.rejects(
        neutralisePrestop({ target: { ...target, timeoutSeconds: 1 }, token: "t" }),
        /kube2iam-\w+ on worker-3: its container kube2iam does not run\n.*\n.*delete this pod/,
      );
      setTimeout(() => void setState({ running: { startedAt: new Date() } }), 500);
      assert.deepEqual((await neutralise()).disarmed, everywhere);
    });

    it("that somebody puts back at once is an error that says who manages the DaemonSet", async () => {
      await setHook();
      Cluster.prototype.exec = async (pod, command) => {
        await setHook();
        return fake.exec(pod, command);
      };
      await assert.rejects(neutralise(), /put back at once\n.*these manage it: \S+/);
      Cluster.prototype.exec = fake.exec;
      await neutralise();
    });

    it("of pods on nodes that cannot be reached waits for them, and holds up nobody else", async () => {
      await setHook();
      await fake.add("worker-4", "10.0.0.14");
      await pWaitFor(async () => (await pods())["worker-4"]?.status?.phase === "Running", {
        interval: 200,
        timeout: 30_000,
      });
      const gone = nameOf((await pods())["worker-4"]!);
      await fake.remove("worker-4");
      await fake.setReady("worker-2", false);
      await createUnplaced();
      Cluster.prototype.exec = async (pod, command) => {
        const node = pod.spec?.nodeName ?? "";
        if (!["worker-2", "worker-3"].includes(node)) return fake.exec(pod, command);
        // The one is not Ready already, the other just now.
        await fake.setReady(node, false);
        throw new Error("no route to host");
      };
      const token = preStopToken(await facts());
      const { disarmed, skipped } = await neutralisePrestop({
        target: { ...target, timeoutSeconds: 20 },
        token,
      });
      assert.deepEqual(disarmed, ["master-1", "worker-1"]);
      assert.deepEqual(skipped, ["worker-2", "worker-3"]);
      assert.deepEqual(Object.keys(await pods()), everywhere, "a pod that waits for room is new");

      Cluster.prototype.exec = fake.exec;
      for (const node of skipped) await fake.setReady(node, true);
      const next = preStopToken(await facts());
      assert.notEqual(next, token, "the next update runs it again");
      const again = await neutralise();
      assert.deepEqual([again.disarmed, again.skipped], [everywhere, []]);
      assert.equal(preStopToken(await facts()), next);
      await core.deleteNamespacedPod({ ...gone, gracePeriodSeconds: 0 });
    });

    it("goes for good with the pod that had it, once its worker is proven on kiam", async () => {
      await createAgents();
      await cutOver();
      const worker = { name: "worker-1", hostIp: "10.0.0.11" };
      const before = await uids();
      fake.node("worker-1").connections.push("10.244.1.5");
      assert.equal(await replaceHookedPod(context, worker), undefined);
      assert.deepEqual(await uids(), before, "a client would be reset");
      fake.node("worker-1").connections = [];
      const fresh = await replaceHookedPod(context, worker);
      const after = await uids();
      assert.deepEqual(
        everywhere.filter((node) => before[node] !== after[node]),
        ["worker-1"],
      );
      assert.equal(fresh?.metadata?.uid, after["worker-1"]);
      assert.deepEqual(fake.node("worker-1").rules, ["kiam"], "its new rule is removed again");
      assert.equal(await replaceHookedPod(context, worker), undefined);
    });

    it("that ran all the same costs an error, and kiam's rule is back at once", async () => {
      // As if its container had restarted between the two requests.
      const add = fake.disarmed.add.bind(fake.disarmed);
      fake.disarmed.clear();
      fake.disarmed.add = () => fake.disarmed;
      await assert.rejects(
        replaceHookedPod(context, { name: "worker-2", hostIp: "10.0.0.12" }),
        /kiam's rule went with kube2iam's pod on worker-2; it is back/,
      );
      fake.disarmed.add = add;
      assert.ok(fake.node("worker-2").rules.includes("kiam"));
    });
  });

  /** A pod of kube2iam's that has no node yet, made with the hook. */
  async function createWaiting(pod: string, owner: V1OwnerReference[] = []): Promise<void> {
    await core.createNamespacedPod({
      namespace: name.namespace,
      body: {
        metadata: { name: pod, labels: selector.matchLabels, ownerReferences: owner },
        spec: {
          containers: [{ name: "kube2iam", image: "kube2iam", lifecycle: { preStop: hook } }],
        },
      },
    });
  }

  /** As its DaemonSet makes it where there is no room. */
  async function createUnplaced(): Promise<void> {
    const { metadata } = await daemonSet();
    const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: name.name };
    await createWaiting("kube2iam-waits", [
      { ...owner, uid: metadata?.uid ?? "", controller: true },
    ]);
  }

  async function createAgents(): Promise<void> {
    await started.deployAgents();
    await pWaitFor(() => workers.every((node) => fake.node(node).rules.includes("kiam")), {
      interval: 200,
      timeout: 30_000,
    });
  }

  describe("kiam's agents", () => {
    const agent = (worker: string, port: string) => ({
      metadata: {
        ...{ name: `agent-${port}-${worker}`, namespace: "kiam", finalizers: ["test/kept"] },
        labels: { "app.kubernetes.io/name": "kiam", "app.kubernetes.io/component": "agent" },
      },
      spec: {
        nodeName: worker,
        containers: [{ name: "kiam", image: "kiam", args: ["agent", "--port", port] }],
      },
    });

    afterEach(() => {
      Cluster.prototype.exec = fake.exec;
    });

    it("tell their ports, those included that a node does not stop", async () => {
      const ports = { "worker-1": "8881", "worker-2": "8881", "worker-3": "8881" };
      assert.deepEqual((await facts()).agentPorts, ports);
      const kept = [agent("master-1", "8882"), agent("worker-1", "8883")];
      for (const body of kept) {
        await core.createNamespacedPod({ namespace: "kiam", body });
        await core.deleteNamespacedPod({ namespace: "kiam", name: body.metadata.name });
      }
      const { agents, agentPorts } = await facts();
      for (const { metadata } of kept) {
        await core.patchNamespacedPod(
          { namespace: "kiam", name: metadata.name, body: { metadata: { finalizers: null } } },
          setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        );
      }
      assert.deepEqual(agents.sort(), workers);
      assert.deepEqual(agentPorts, { ...ports, "master-1": "8882" });
    });

    it("are not right where a moved worker's requests are led elsewhere", async () => {
      const report = (worker: string) => ({
        code: "competing-rule",
        severity: "problem",
        message: `a rule to ${fake.node(worker).hostIp}:8882 comes first`,
      });
      Cluster.prototype.exec = async (pod, command) => {
        const answer = await fake.exec(pod, command);
        const worker = pod.spec?.nodeName ?? "";
        if (!command.includes("--") || worker === "worker-1") return answer;
        const said = JSON.parse(answer.stdout) as NodeReport;
        const after = { ...said.after, inForce: "unknown" };
        return {
          ...answer,
          stdout: JSON.stringify({ ...said, after, findings: [report(worker)] }),
        };
      };
      const record = await readRecord(context, "worker-3");
      assert.ok(record !== undefined && !("unreadable" in record));
      await removeRecord(context, "worker-3");
      await assert.rejects(
        verifyAgent({ target: { ...target, timeoutSeconds: 3 } }),
        ({ message }: Error) => {
          assert.match(message, /node worker-2: a rule to 10\.0\.0\.12:8882 comes first/);
          assert.doesNotMatch(message, /worker-[13]/, "the one is right, the other was not moved");
          return true;
        },
      );
      await removeRecord(context, "worker-2");
      const { workers: seen } = await verifyAgent({ target });
      assert.deepEqual(
        seen.map(({ inForce }) => inForce),
        ["kiam", "unknown", "unknown"],
      );
      await cutOver();
    });
  });

  describe("the capture", () => {
    it("has the DaemonSet, its service account and that account's rights, and names the rest", async () => {
      await createMore();
      captured = await captureKube2iam({ target });
      assert.deepEqual(
        captured.companions.map(({ kind, metadata }) =>
          [kind, metadata.namespace, metadata.name].filter(Boolean).join(" "),
        ),
        [
          "ServiceAccount kube-system kube2iam",
          "ClusterRole kube2iam",
          "Role kiam kube2iam-extra",
          "ClusterRoleBinding kube2iam",
          "RoleBinding kiam kube2iam-extra",
        ],
      );
      assert.deepEqual(captured.notes, [
        "kube2iam uses Secret kube-system/registry, which is not captured: the way back needs it to be there",
      ]);
      const text = JSON.stringify(captured);
      for (const servers of ["uid", "resourceVersion", "managedFields", "creationTimestamp"]) {
        assert.ok(!text.includes(`"${servers}"`), servers);
      }
      assert.ok(!text.includes("preStop"));
      assert.match(text, /"rules":\[\{"apiGroups":\[""\],"resources":\["namespaces","pods"\]/);
    });

    it("says which permission is missing where something may not be read", async () => {
      const before = process.env.KUBECONFIG;
      const limited = `${api.kubeconfig}-limited`;
      await writeFile(limited, JSON.stringify(limitedConfig()));
      await rbac.createClusterRole({
        body: {
          metadata: { name: "limited" },
          rules: [{ apiGroups: ["apps"], resources: ["daemonsets"], verbs: ["get"] }],
        },
      });
      await rbac.createClusterRoleBinding({
        body: {
          metadata: { name: "limited" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "limited" },
          subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "limited" }],
        },
      });
      process.env.KUBECONFIG = limited;
      try {
        await assert.rejects(
          captureKube2iam({ target }),
          /what to do: allow this user to get serviceaccounts in kube-system/,
        );
      } finally {
        process.env.KUBECONFIG = before;
      }
    });
  });

  function limitedConfig(): object {
    const config = JSON.parse(api.config.exportConfig()) as { users: { user: object }[] };
    const users = config.users.map((each) => ({ ...each, user: { ...each.user, as: "limited" } }));
    return { ...config, users };
  }

  /** A role in another namespace, one that is somebody else's, and a Secret for the registry. */
  async function createMore(): Promise<void> {
    const ours = { kind: "ServiceAccount", ...name };
    const apiGroup = "rbac.authorization.k8s.io";
    const bind = (role: string, subject: typeof ours) =>
      rbac.createNamespacedRoleBinding({
        namespace: "kiam",
        body: {
          metadata: { name: role },
          roleRef: { apiGroup, kind: "Role", name: role },
          subjects: [subject],
        },
      });
    for (const role of ["kube2iam-extra", "other"]) {
      await rbac.createNamespacedRole({
        namespace: "kiam",
        body: {
          metadata: { name: role },
          rules: [{ apiGroups: [""], resources: ["events"], verbs: ["create"] }],
        },
      });
    }
    await bind("kube2iam-extra", ours);
    await bind("other", { ...ours, namespace: "kiam" });
    await core.patchNamespacedServiceAccount(
      { ...name, body: { imagePullSecrets: [{ name: "registry" }] } },
      setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
    );
  }

  describe("the proof of a cutover", () => {
    const worker = { name: "worker-1", uid: undefined, hostIp: "10.0.0.11" };
    const input = {
      ...{ target, worker, probe, generation: digest(["g"]), kiamOnly: false },
      rules: [],
    };

    before("as stage cutover leaves it", async () => {
      await neutralise();
      await podsEverywhere();
      await cutOver();
    });

    afterEach(async () => {
      Cluster.prototype.exec = fake.exec;
      await fake.setBootId("worker-1", bootIdOf("worker-1"));
      await podsEverywhere();
      await cutOver();
    });

    /** Does something once, right after the worker was looked at for the proof. */
    function afterTheProof(work: () => Promise<unknown>): void {
      Cluster.prototype.exec = async (pod, command) => {
        const result = await fake.exec(pod, command);
        Cluster.prototype.exec = fake.exec;
        await work();
        return result;
      };
    }

    const standing = async () => {
      const all = await readStandings(context, { applications: false });
      const found = all.find(({ name }) => name === "worker-1");
      assert.ok(found !== undefined);
      return found;
    };

    it("holds for the boot in which it was made", async () => {
      await probeLive(input);
      assert.ok(isProvenNow(await standing()));
      afterTheProof(() => fake.setBootId("worker-1", "a-later-one"));
      await probeLive(input);
      const { record, bootId } = await standing();
      assert.equal(bootId, "a-later-one");
      assert.ok(record !== undefined && "generation" in record && record.proven);
      assert.equal(record.bootId, bootIdOf("worker-1"));
      assert.ok(!isProvenNow({ record, bootId }), "kube2iam's rule may be first again");
    });

    it("holds for kube2iam's pod that was there, whose successor may have written its rule", async () => {
      const before = await uids();
      afterTheProof(async () => {
        const pod = (await pods())["worker-1"];
        await core.deleteNamespacedPod({ ...name, name: pod?.metadata?.name ?? "" });
        await pWaitFor(
          async () => ![undefined, before["worker-1"]].includes((await uids())["worker-1"]),
          { interval: 100, timeout: 30_000 },
        );
        await podsEverywhere();
      });
      await probeLive(input);
      const { record } = await standing();
      assert.ok(record !== undefined && "generation" in record);
      assert.equal(record.kube2iamPod, before["worker-1"]);
    });

    it("is not written down on another node of that name", async () => {
      const { uid } = await standing();
      await removeRecord(context, "worker-1");
      afterTheProof(() => fake.replace("worker-1"));
      const own = { ...input, worker: { ...worker, uid } };
      await assert.rejects(probeLive(own), /it was replaced by another node of the same name/);
      assert.equal(await readRecord(context, "worker-1"), undefined);
    });
  });

  describe("the account of every node", () => {
    const account = (change: Partial<CheckedInput<"account-for-nodes">> = {}) =>
      accountForNodes({ target, moved: workers, staying: [], waiting: [], ...change });

    before("as stage cutover leaves it", cutOver);

    afterEach(async () => {
      started.told = "";
      await fake.setBootId("worker-2", bootIdOf("worker-2"));
    });

    it("counts what it sees, not what was planned, and names who left", async () => {
      const staying = ["master-1", "gone-2"];
      const { nodes, left, joined } = await account({ moved: [...workers, "gone-1"], staying });
      assert.deepEqual([nodes, left, joined], [4, ["gone-1", "gone-2"], []]);
      assert.match(started.told, /4 nodes seen: 3 proven on kiam, 1 on kube2iam\n/);
      assert.match(started.told, /gone-1 .*left the cluster/);
    });

    it("deletes Nodes that a worker's label has brought back, and no other", async () => {
      const labels = { [workerLabel]: "true" };
      const create = (name: string, body: object) =>
        core.createNode({ body: { metadata: { name, ...body } } });
      await create("brought-back", { labels });
      await create("of-somebody-else", {});
      await core.createNode({
        body: { metadata: { name: "on-its-way", labels }, spec: { providerID: "aws:///a/i-1" } },
      });
      try {
        await account({ staying: ["master-1", "brought-back"] });
        const names = (await core.listNode()).items.map(({ metadata }) => metadata?.name);
        assert.ok(!names.includes("brought-back"), names.join());
        assert.ok(names.includes("of-somebody-else") && names.includes("on-its-way"), names.join());
        assert.match(started.told, /brought-back has left; the empty Node .* is deleted\n/);
        assert.match(started.told, /brought-back has left the cluster meanwhile/);
      } finally {
        await core.deleteNode({ name: "of-somebody-else" });
        await core.deleteNode({ name: "on-its-way" });
      }
    });

    it("counts nodes where only pods that ask for a role are", async () => {
      await makeNodeWithoutEither("lonely");
      const { nodes } = await account();
      assert.equal(nodes, 5);
      assert.match(started.told, /1 with neither: lonely \(asking for a role: kiam\/asking\)/);
    });

    it("fails for a moved node that is there and not proven, whether or not anything runs there", async () => {
      await fake.setBootId("worker-2", "a-later-one");
      await core.deleteNamespacedPod({ namespace: "kiam", name: "asking" });
      await assert.rejects(account({ moved: [...workers, "lonely"] }), ({ message }: Error) => {
        assert.match(message, /^2 nodes of 5 /);
        assert.match(message, /node worker-2: its move is not proven as it is now/);
        assert.match(message, /node lonely: its move is not proven as it is now/);
        return true;
      });
    });

    after(() => core.deleteNode({ name: "lonely" }));

    /** No DaemonSet comes to it, and a pod that asks for a role runs there. */
    async function makeNodeWithoutEither(node: string): Promise<void> {
      const taints = [{ key: "dedicated", value: "x", effect: "NoExecute" }];
      await core.createNode({ body: { metadata: { name: node }, spec: { taints } } });
      // Without a kubelet's report it would count as no node.
      await fake.setBootId(node, bootIdOf(node));
      await core.createNamespacedPod({
        namespace: "kiam",
        body: {
          metadata: { name: "asking", annotations: { [roleAnnotation]: "app-orders" } },
          spec: { nodeName: node, containers: [{ name: "c", image: "i" }] },
        },
      });
    }
  });

  describe("the retirement, worker by worker", () => {
    before("as stage cutover leaves it", async () => {
      await neutralise();
      await podsEverywhere();
      await cutOver();
      fake.left.length = 0;
    });

    it("does not begin where somebody still holds a connection, and notes that for the next update", async () => {
      fake.node("worker-2").connections.push("10.244.2.7", "10.0.0.12");
      const before = await uids();
      await assert.rejects(
        retireKube2iam(retirement()),
        /node worker-2: 10\.244\.2\.7 holds 1 established connection to kube2iam/,
      );
      assert.deepEqual(await uids(), before);
      assert.notEqual((await facts()).notes.connectionsLeft, undefined);
      fake.node("worker-2").connections = [];
    });

    it("does not begin where the hook is there again", async () => {
      await setHook();
      await assert.rejects(retireKube2iam(retirement()), /it has its preStop hook again/);
      await neutralise();
    });

    it("does not begin as long as any node is not accounted for, and names them all", async () => {
      const before = await uids();
      const record = await readRecord(context, "worker-3");
      await removeRecord(context, "worker-3");
      await fake.setReady("worker-2", false);
      await assert.rejects(retireKube2iam(retirement({ outside: [] })), (error: Error) => {
        assert.match(error.message, /^kube2iam stays: 3 of 4 nodes would lose their credentials/);
        assert.match(
          error.message,
          /node master-1: it has no agent of kiam, and kube2iam runs there/,
        );
        assert.match(error.message, /node worker-2: it is not Ready/);
        assert.match(error.message, /node worker-3: it has not been moved: it joined after/);
        return true;
      });
      await fake.setReady("worker-2", true);
      assert.ok(record !== undefined && !("unreadable" in record));
      await writeRecord(context, "worker-3", {
        ...record,
        bootId: "an-earlier-one",
      });
      await assert.rejects(retireKube2iam(retirement()), /node worker-3: .*has rebooted since/);
      await writeRecord(context, "worker-3", record);
      assert.deepEqual(await uids(), before);
      await daemonSet();
    });

    it("stops at the first worker that cannot be proven; the others keep kube2iam's pods", async () => {
      const before = await uids();
      fake.node("worker-2").verdict = "wrong";
      await assert.rejects(
        retireKube2iam(retirement()),
        /stops at worker-2; kube2iam goes on running on worker-3\n/,
      );
      assert.deepEqual(fake.left, ["worker-1", "worker-2"]);
      await assert.rejects(daemonSet(), "its DaemonSet is gone");
      const { "master-1": master, "worker-3": third } = before;
      assert.deepEqual(await uids(), { "master-1": master, "worker-3": third });
    });

    it("stops again at a worker whose pod went in an earlier run and that is still not proven", async () => {
      await assert.rejects(retireKube2iam(retirement()), /1 of 2 workers: worker-2/);
      assert.deepEqual(fake.left, ["worker-1", "worker-2"]);
    });

    it("stops at a worker that kube2iam answers, whatever its rules say", async () => {
      const second = fake.node("worker-2");
      Object.assign(second, { verdict: "right", answers: "kube2iam" });
      assert.deepEqual(second.rules, ["kiam"]);
      await assert.rejects(retireKube2iam(retirement()), ({ message }: Error) => {
        assert.match(message, /kube2iam answers at 169\.254\.169\.254, not kiam/);
        assert.match(message, /by its iptables rules it would be kiam/);
        return true;
      });
      delete second.answers;
    });

    it("is undone from there: what is missing comes back, what is there is taken over", async () => {
      fake.node("worker-2").verdict = "right";
      const before = await uids();
      await rbac.deleteClusterRoleBinding({ name: "kube2iam" });
      await core.deleteNamespacedServiceAccount(name);
      const changed = { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] };
      await rbac.patchClusterRole(
        { name: "kube2iam", body: changed },
        setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
      );

      const { created } = await restore();
      assert.deepEqual(created, [
        "ServiceAccount kube-system/kube2iam",
        "ClusterRoleBinding kube2iam",
        "DaemonSet kube-system/kube2iam",
      ]);
      const binding = await rbac.readClusterRoleBinding({ name: "kube2iam" });
      assert.equal(binding.subjects?.[0]?.name, "kube2iam");
      const role = await rbac.readClusterRole({ name: "kube2iam" });
      assert.deepEqual(role.rules?.[0]?.verbs, ["get"], "what was there is as it was");
      const after = await uids();
      assert.deepEqual(Object.keys(after), everywhere);
      assert.equal(after["worker-3"], before["worker-3"], "it was never restarted");
      const owner = (await pods())["worker-3"]?.metadata?.ownerReferences?.[0];
      assert.equal(owner?.uid, (await daemonSet()).metadata?.uid);
      for (const worker of workers) {
        assert.deepEqual(fake.node(worker).rules, ["kiam"]);
        const record = await readRecord(context, worker);
        assert.ok(record !== undefined && "generation" in record);
        assert.equal(record.kube2iamPod, after[worker], "no worker is cut over anew for this");
      }
    });

    it("can be undone again after an interruption: nothing is waited for in vain", async () => {
      const began = Date.now();
      assert.deepEqual((await restore()).created, []);
      assert.ok(Date.now() - began < 1000 * target.timeoutSeconds, `${Date.now() - began} ms`);
    });

    it("ends with the worker in hand where the update is asked to stop", () =>
      inStoppableUpdate(async (askToStop) => {
        fake.left.length = 0;
        await createUnplaced();
        const asking = pWaitFor(() => fake.left.length > 0, { interval: 10 }).then(askToStop);
        await assert.rejects(retireKube2iam(retirement()), (error: Error) => {
          assert.ok(error instanceof StopAskedError);
          assert.match(error.message, /: kube2iam goes on running on worker-2, worker-3\.$/);
          return true;
        });
        await asking;
        assert.deepEqual(fake.left, ["worker-1"]);
        await assert.rejects(retireKube2iam(retirement()), StopAskedError, "none begins");
        assert.deepEqual(fake.left, ["worker-1"]);
      }));

    it("goes through them by name, nodes that were no workers last, and leaves nothing behind", async () => {
      const { deleted, probes, notes } = await retireKube2iam(retirement());
      assert.deepEqual(fake.left, [...workers, "master-1"]);
      assert.equal(deleted, true);
      assert.deepEqual(probes.map(({ worker }) => worker).sort(), workers);
      assert.match(notes.join(), /master-1 is not among the workers/);
      assert.deepEqual(await uids(), {});
      const revisions = await apps.listNamespacedControllerRevision({ namespace: name.namespace });
      assert.deepEqual(revisions.items, []);
    });

    it("only proves the workers where kube2iam is gone already", async () => {
      const { deleted, probes } = await retireKube2iam(retirement());
      assert.equal(deleted, false);
      assert.equal(probes.length, workers.length);
    });
  });

  describe("the retirement at once", () => {
    it("fails where a pod of kube2iam is there again at the end; the next one takes it away", async () => {
      await restore();
      const last = fake.left.length + workers.length;
      let again: Promise<void> | undefined;
      Cluster.prototype.exec = async (pod, command) => {
        const answer = await fake.exec(pod, command);
        // A hand, or a tool that has a manifest of it.
        if (fake.left.length >= last) await (again ??= createWaiting("kube2iam-again"));
        return answer;
      };
      await assert.rejects(
        retireKube2iam(retirement({ pace: "at-once" })),
        /kube2iam is not gone.*\n.*kube2iam-again.*still there/,
      );
      Cluster.prototype.exec = fake.exec;
      const { deleted } = await retireKube2iam(retirement({ pace: "at-once" }));
      assert.equal(deleted, true);
      assert.deepEqual(await uids(), {});
    });

    it("deletes no further pod where the update is asked to stop", async () => {
      await restore();
      await inStoppableUpdate(async (askToStop) => {
        fake.left.length = 0;
        const method = Object.getOwnPropertyDescriptor(Cluster.prototype, "deleteDaemonSet") ?? {};
        const deleteDaemonSet = Cluster.prototype.deleteDaemonSet.bind(context.cluster);
        Cluster.prototype.deleteDaemonSet = async (which) => {
          await deleteDaemonSet(which);
          await askToStop();
        };
        const stopped = retireKube2iam(retirement({ pace: "at-once" }));
        await assert
          .rejects(stopped, (error: Error) => {
            assert.ok(error instanceof StopAskedError, String(error));
            assert.match(
              error.message,
              /: kube2iam goes on running on worker-1, worker-2, worker-3\.$/,
            );
            return true;
          })
          .finally(() => Object.defineProperty(Cluster.prototype, "deleteDaemonSet", method));
        assert.deepEqual(fake.left, []);
        assert.deepEqual(Object.keys(await uids()), everywhere);
      });
    });

    it("deletes every pod and names whoever was not waited for", async () => {
      await restore();
      fake.left.length = 0;
      fake.node("worker-3").connections.push("10.244.3.9");
      const { deleted, notes } = await retireKube2iam(
        retirement({ pace: "at-once", connections: { waitSeconds: 0, then: "proceed" } }),
      );
      fake.node("worker-3").connections = [];
      assert.equal(deleted, true);
      assert.deepEqual([...fake.left].sort(), everywhere);
      assert.match(notes.join(), /10\.244\.3\.9 holds 1 established connection .*\(worker-3\)/);
      assert.deepEqual(await uids(), {});
    });
  });

  describe("the way back while kiam supplies nothing", () => {
    it("brings kube2iam back all the same, and has the workers in doubt moved anew", async () => {
      const records = async () => Promise.all(workers.map((worker) => readRecord(context, worker)));
      const before = await records();
      fake.node("worker-2").verdict = "wrong";
      fake.node("worker-3").answers = "kube2iam";
      const { workers: served, unproven } = await restore();
      assert.deepEqual([served, unproven], [["worker-1"], ["worker-2", "worker-3"]]);
      await podsEverywhere();
      for (const [index, record] of (await records()).entries()) {
        const last = before[index];
        assert.ok(record !== undefined && "generation" in record);
        assert.ok(last !== undefined && "generation" in last);
        assert.equal(record.proven, index === 0, workers[index]);
        // An input of what moves it: the next update does so again.
        assert.equal(record.generation === last.generation, index === 0, workers[index]);
      }
      fake.node("worker-2").verdict = "right";
      delete fake.node("worker-3").answers;
    });
  });
});
