import assert from "node:assert/strict";

import { AppsV1Api, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { destroyAll, moveTo, type MoveOptions } from "../../automation/moveTo.js";
import { pendingIn } from "../../automation/recover/pendingOperations.js";
import { silentProgress } from "../../automation/progress.js";
import { upUntilKilled } from "../faults/killEngine.js";
import { requireApiServer, startApiServer, type ApiServer } from "./apiserver.js";
import { createStack, requireEngine, type TestStack } from "./engine.js";
import { limit } from "./limit.js";

/*
 * The real engine, killed while it waits for a DaemonSet, with a real API server and the stand-in
 * for the kubernetes provider. There is no controller: the test writes the status.
 */

const daemonSet = { name: "kiam-agent", namespace: "kiam" };

describe("an object that was being made when the engine was killed", function () {
  this.timeout(limit);
  let api: ApiServer;
  let apps: AppsV1Api;
  let test: TestStack;

  before(async function () {
    const engine = requireEngine(this);
    const binaries = requireApiServer(this);
    api = await startApiServer(binaries);
    apps = api.config.makeApiClient(AppsV1Api);
    test = await createStack(engine, { KUBECONFIG: api.kubeconfig });
    test.program(() => {
      const namespace = new k8s.core.v1.Namespace("kiam", { metadata: { name: "kiam" } });
      if (new pulumi.Config().require("stage") === "prepare") return Promise.resolve();
      const labels = { app: "kiam-agent" };
      const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } };
      const agent = new k8s.apps.v1.DaemonSet("kiam-agent", {
        metadata: { name: "kiam-agent", namespace: namespace.metadata.name },
        spec: { selector: { matchLabels: labels }, template },
      });
      new k8s.core.v1.ConfigMap(
        "later",
        { metadata: { name: "later", namespace: namespace.metadata.name } },
        { dependsOn: [agent] },
      );
      return Promise.resolve();
    });
  });

  beforeEach(async () => {
    const at = { operation: "create", name: "kiam-agent", delayMs: 1_000 };
    assert.equal((await upUntilKilled(test.stack, "agent", at)).killed, true);
    await apps.readNamespacedDaemonSet(daemonSet); // It exists, and the state does not know it.
    assert.equal("kiam-agent" in (await test.resources()), false);
  });

  afterEach(async () => {
    await destroyAll(test.stack, options);
  });

  after(async () => {
    await test?.dispose();
    await api?.stop();
  });

  const options: MoveOptions = {
    progress: silentProgress,
    recover: { look: () => Promise.resolve([]) },
  };

  /** Says, as the DaemonSet's controller does where there are no workers, that it is ready. */
  async function playController(): Promise<void> {
    const { metadata } = await apps.readNamespacedDaemonSet(daemonSet);
    const counts = { desiredNumberScheduled: 0, currentNumberScheduled: 0, numberReady: 0 };
    const status = { ...counts, observedGeneration: metadata?.generation };
    await apps.patchNamespacedDaemonSetStatus(
      { ...daemonSet, body: { status } },
      setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
    );
  }

  it("is taken over, and the update goes on from there", async () => {
    const uid = (await apps.readNamespacedDaemonSet(daemonSet)).metadata?.uid;
    await playController();
    await moveTo(test.stack, "agent", options);
    const { "kiam-agent": agent, later } = await test.resources();
    assert.ok(agent !== undefined && later !== undefined);
    assert.equal((await apps.readNamespacedDaemonSet(daemonSet)).metadata?.uid, uid);
    assert.deepEqual(pendingIn(await test.stack.exportStack()), []);
    assert.equal(test.stack.workspace.envVars.PULUMI_K8S_UPSERT_EXISTING_OBJECTS, undefined);
  });

  it("is taken over before the stage that declares it is left, so that it goes", async () => {
    await playController();
    const { steps } = await moveTo(test.stack, "prepare", options);
    assert.deepEqual(
      steps.map(({ operation, what }) => `${operation} ${what}`),
      ["delete DaemonSet kiam-agent"],
    );
    await assert.rejects(apps.readNamespacedDaemonSet(daemonSet), { code: 404 });
    assert.deepEqual(pendingIn(await test.stack.exportStack()), []);
  });
});
