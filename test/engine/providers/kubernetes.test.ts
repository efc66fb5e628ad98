/**
 * The stand-in for the kubernetes provider under the real engine, against a real kube-apiserver.
 *
 * Does not prove anything about kubelets and workload controllers: there are none, so the test writes
 * the status that they would write. Nor that the official plugin behaves the same: that was read from
 * its source and seen with the official binary. All share one API server: one file.
 */
import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";

import { PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { AppsV1Api, BatchV1Api, CoreV1Api } from "@kubernetes/client-node";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { requireApiServer, startApiServer, type ApiServer } from "../apiserver.js";
import { createStack, requireEngine, type TestStack } from "../engine.js";
import { limit } from "../limit.js";

const MERGE = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
const PERMITTED = "iam.amazonaws.com/permitted";

describe("stand-in: kubernetes", function () {
  this.timeout(limit);
  let api: ApiServer;
  let test: TestStack;
  let core: CoreV1Api;
  let apps: AppsV1Api;

  const program = (declare: () => unknown) => {
    test.program(() => {
      declare();
      return Promise.resolve();
    });
  };
  const namespace = (name: string) => core.readNamespace({ name });
  const gone = (promise: Promise<unknown>) => assert.rejects(promise, { code: 404 });
  /** Waits until the object exists, for a test that then plays its controller. */
  const eventually = async <T>(find: () => Promise<T>): Promise<T> => {
    for (let tries = 0; ; tries++) {
      try {
        return await find();
      } catch (error) {
        if (tries > 600) {
          throw error;
        }
        await sleep(100);
      }
    }
  };

  before(async function () {
    const engine = requireEngine(this);
    const binaries = requireApiServer(this);
    [api, test] = await Promise.all([startApiServer(binaries), createStack(engine)]);
    await test.stack.workspace.selectStack("unit");
    test.stack.workspace.envVars.KUBECONFIG = api.kubeconfig;
    core = api.config.makeApiClient(CoreV1Api);
    apps = api.config.makeApiClient(AppsV1Api);
    for (const name of ["orders", "payments"]) {
      await core.createNamespace({ body: { metadata: { name } } });
    }
  });
  after(async () => {
    await api?.stop();
    await test?.dispose();
  });

  const secretAndMap = () => {
    const ns = new k8s.core.v1.Namespace("made", { metadata: { name: "made" } });
    const metadata = { namespace: ns.metadata.name };
    new k8s.core.v1.ConfigMap("settings", { metadata, data: { a: "1" } });
    new k8s.core.v1.Secret("keys", {
      metadata: { ...metadata, name: "keys" },
      stringData: { key: pulumi.secret("hidden-word") },
    });
  };

  it("previews and creates objects in a namespace that does not exist yet; then nothing to do", async () => {
    program(secretAndMap);
    const preview = await test.stack.preview();
    assert.equal(preview.changeSummary.create, 4);
    await gone(namespace("made"));
    await test.stack.up();
    const { settings, keys } = await test.resources();
    assert.match(settings?.id ?? "", /^made\/settings-[0-9a-f]{8}$/);
    assert.equal(keys?.id, "made/keys");
    const data = (await core.readNamespacedSecret({ namespace: "made", name: "keys" })).data;
    assert.equal(Buffer.from(data?.key ?? "", "base64").toString(), "hidden-word");

    const again = await test.stack.preview();
    assert.deepEqual(again.changeSummary, { same: 4 });
    await test.stack.refresh();
    const refreshed = await test.stack.preview();
    assert.deepEqual(refreshed.changeSummary, { same: 4 });
  });

  it("refuses to create what exists, and names the ways out", async () => {
    program(() => new k8s.core.v1.Namespace("x", { metadata: { name: "orders" } }));
    await assert.rejects(test.stack.up(), /namespaces "orders" already exists.*NamespacePatch/s);
  });

  describe("patches", () => {
    const patch = (permitted: string, annotations: Record<string, string> = {}) =>
      program(() => {
        new k8s.core.v1.NamespacePatch("p", {
          metadata: { name: "orders", annotations: { [PERMITTED]: permitted, ...annotations } },
        });
      });
    const permitted = async () => (await namespace("orders")).metadata?.annotations?.[PERMITTED];

    it("sets a field, changes it, and takes it along when deleted", async () => {
      patch("app-.*");
      await test.stack.up();
      assert.equal(await permitted(), "app-.*");
      assert.deepEqual((await test.stack.preview()).changeSummary, { same: 2 });
      patch("app-orders");
      const { summary } = await test.stack.up();
      assert.deepEqual(summary.resourceChanges, { same: 1, update: 1 });
      assert.equal(await permitted(), "app-orders");
      program(() => undefined);
      await test.stack.up();
      assert.equal(await permitted(), undefined);
      assert.equal((await namespace("orders")).metadata?.name, "orders");
    });

    it("names the other manager of a field, and takes it only when told to", async () => {
      await api.objects.patch(
        {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: "orders", annotations: { [PERMITTED]: "theirs" } },
        },
        undefined,
        undefined,
        "helm",
        true,
        PatchStrategy.ServerSideApply,
      );
      patch("ours");
      await assert.rejects(test.stack.up(), /apply conflict: .*conflict with "helm".*permitted/s);
      assert.equal(await permitted(), "theirs");
      patch("ours", { "pulumi.com/patchForce": "true" });
      await test.stack.up();
      assert.equal(await permitted(), "ours");
    });

    it("is deleted without error when its node is gone", async () => {
      await core.createNode({ body: { metadata: { name: "worker-1" } } });
      program(() => {
        new k8s.core.v1.NodePatch("n", { metadata: { name: "worker-1", labels: { mine: "1" } } });
      });
      await test.stack.up();
      await core.deleteNode({ name: "worker-1" });
      program(() => undefined);
      await test.stack.up();
      // The patch is taken back by applying nothing, and an apply makes what is missing: a bare Node
      // stays behind. The official provider does the same; see managers.ts.
      assert.equal((await core.readNode({ name: "worker-1" })).status?.conditions, undefined);
      await core.deleteNode({ name: "worker-1" });
    });
  });

  describe("waiting", () => {
    const name = "agent";
    const daemonSet = (image: string, options: { seconds?: number; wait?: boolean } = {}) =>
      program(() => {
        const annotations = {
          ...(options.wait === false ? { "pulumi.com/skipAwait": "true" } : {}),
          "pulumi.com/timeoutSeconds": String(options.seconds ?? 60),
        };
        new k8s.apps.v1.DaemonSet(name, {
          metadata: { name, namespace: "orders", annotations },
          spec: {
            selector: { matchLabels: { app: name } },
            template: {
              metadata: { labels: { app: name } },
              spec: { containers: [{ name: "c", image, resources: { limits: { cpu: "0.1" } } }] },
            },
          },
        });
      });
    const play = async (generation: number, available: number) => {
      const read = async () => {
        const found = await apps.readNamespacedDaemonSet({ namespace: "orders", name });
        assert.equal(found.metadata?.generation, generation);
      };
      await eventually(read);
      const status = {
        observedGeneration: generation,
        desiredNumberScheduled: 2,
        currentNumberScheduled: 2,
        updatedNumberScheduled: available,
        numberAvailable: available,
        numberReady: available,
      };
      const body = { status };
      await apps.patchNamespacedDaemonSetStatus({ namespace: "orders", name, body }, MERGE);
    };

    it("records a DaemonSet that does not come up as created but failed, with reasons, and waits again", async () => {
      await core.createNamespacedPod({
        namespace: "orders",
        body: {
          metadata: { name: "agent-x", labels: { app: name } },
          spec: { containers: [{ name: "c", image: "v1" }] },
        },
      });
      await core.patchNamespacedPodStatus(
        {
          namespace: "orders",
          name: "agent-x",
          body: {
            status: {
              containerStatuses: [
                {
                  name: "c",
                  image: "v1",
                  imageID: "",
                  ready: false,
                  restartCount: 3,
                  state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } },
                },
              ],
            },
          },
        },
        MERGE,
      );
      daemonSet("v1", { seconds: 2 });
      await assert.rejects(test.stack.up(), /timed out waiting.*CrashLoopBackOff/s);
      const failed = (await test.resources())[name];
      assert.equal(failed?.id, `orders/${name}`);
      assert.match(failed?.initErrors?.join() ?? "", /timed out/);

      daemonSet("v1", { seconds: 2 });
      await assert.rejects(test.stack.up(), /failed to fully initialize/);
      const [{ summary }] = await Promise.all([test.stack.up(), play(1, 2)]);
      assert.equal(summary.resourceChanges?.update, 1);
      assert.equal((await test.resources())[name]?.initErrors, undefined);
      assert.deepEqual((await test.stack.preview()).changeSummary, { same: 2 });
    });

    it("waits for the new generation on an update", async () => {
      daemonSet("v1", { wait: false });
      await test.stack.up();
      await play(1, 2);
      daemonSet("v2");
      let done = false;
      const update = test.stack.up().then(() => (done = true));
      await eventually(async () => {
        const { metadata } = await apps.readNamespacedDaemonSet({ namespace: "orders", name });
        assert.equal(metadata?.generation, 2);
      });
      await play(2, 1);
      await sleep(1500);
      assert.equal(done, false, "did not wait for the second pod");
      await play(2, 2);
      await update;
      const found = await apps.readNamespacedDaemonSet({ namespace: "orders", name });
      const managers = found.metadata?.managedFields?.filter(({ subresource }) => !subresource);
      assert.deepEqual(
        managers?.map(({ manager, operation }) => [manager?.replace(/-\w{8}$/, "-…"), operation]),
        [["pulumi-kubernetes-…", "Apply"]],
      );
    });

    it("replaces a DaemonSet whose selector changes: the old one goes first", async () => {
      daemonSet("v1", { wait: false });
      await test.stack.up();
      const before = await apps.readNamespacedDaemonSet({ namespace: "orders", name });
      program(() => {
        new k8s.apps.v1.DaemonSet(name, {
          metadata: {
            name,
            namespace: "orders",
            annotations: { "pulumi.com/skipAwait": "true" },
          },
          spec: {
            selector: { matchLabels: { app: "other" } },
            template: {
              metadata: { labels: { app: "other" } },
              spec: { containers: [{ name: "c", image: "v1" }] },
            },
          },
        });
      });
      const { summary } = await test.stack.up();
      assert.equal(summary.resourceChanges?.replace, 1);
      const after = await apps.readNamespacedDaemonSet({ namespace: "orders", name });
      assert.notEqual(after.metadata?.uid, before.metadata?.uid);
    });

    it("fails at once with a Job that failed, and goes on failing with that same Job", async () => {
      program(() => {
        new k8s.batch.v1.Job("job", {
          metadata: {
            name: "job",
            namespace: "orders",
          },
          spec: {
            template: {
              spec: { restartPolicy: "Never", containers: [{ name: "c", image: "v1" }] },
            },
          },
        });
      });
      const fail = async () => {
        const batch = api.config.makeApiClient(BatchV1Api);
        const read = () => batch.readNamespacedJob({ namespace: "orders", name: "job" });
        await eventually(read);
        const now = new Date();
        const condition = (type: string) => ({
          type,
          status: "True",
          reason: "BackoffLimitExceeded",
          message: "Job has reached the specified backoff limit",
          lastTransitionTime: now,
        });
        const conditions = [condition("FailureTarget"), condition("Failed")];
        const body = { status: { startTime: now, failed: 7, conditions } };
        await batch.patchNamespacedJobStatus({ namespace: "orders", name: "job", body }, MERGE);
      };
      await Promise.all([assert.rejects(test.stack.up(), /\[BackoffLimitExceeded\]/), fail()]);
      await assert.rejects(test.stack.up(), /\[BackoffLimitExceeded\]/);
    });
  });

  it("applies a list of resources with an explicit provider, whatever the ambient kubeconfig", async () => {
    program(() => {
      const kubeconfig = api.config.exportConfig();
      const provider = new k8s.Provider("own", { kubeconfig, namespace: "payments" });
      new k8s.core.v1.ConfigMap("c", { data: { a: "b" } }, { provider });
    });
    await test.stack.up();
    assert.match((await test.resources()).c?.id ?? "", /^payments\/c-/);
    assert.equal((await test.stack.preview()).changeSummary.same, 3);
  });
});
