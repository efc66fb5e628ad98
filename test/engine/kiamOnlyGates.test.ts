/**
 * The gates that keep kube2iam off new nodes and let it on again, against a real kube-apiserver.
 *
 * There are no controllers of DaemonSets and no kubelets: the test plays them, by the placement
 * rules of gates/nodes/placement.ts. Not proven here: that no pod restarts, and what happens to a
 * labelled node that kube2iam runs on, which takes its rules; test/faults has them on the cluster.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import {
  AppsV1Api,
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1DaemonSet,
  type V1PodSpec,
  type V1Taint,
} from "@kubernetes/client-node";

import type { Target } from "../../migration/situation/target.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { notMeantFor } from "../../gates/nodes/placement.js";
import { GateError } from "../../migration/text/problem.js";
import { keepKube2iamOff } from "../../gates/kube2iam/keepOff.js";
import { letKube2iamOn } from "../../gates/kube2iam/letOn.js";
import { kiamOnlyKey, kiamOnlyTaint } from "../../migration/facts/clusterFacts.js";
import { requireApiServer, startApiServer, type ApiServer } from "./apiserver.js";
import { giveRights } from "./giveRights.js";
import { limit } from "./limit.js";

const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
const namespace = "kube-system";
const name = "kube2iam";
const labels = { app: name };

const target: Target = {
  kubernetes: {},
  kube2iam: { namespace, daemonSet: name, port: 8181, interface: "cni0" },
  kiam: {
    namespace: "kiam",
    serverDaemonSet: "kiam-server",
    agentDaemonSet: "kiam-agent",
    agentPort: 8881,
    serverPort: 443,
  },
  timeoutSeconds: 5,
};

describe("gates about kiam-only nodes", function () {
  this.timeout(limit);
  const kubeconfigBefore = process.env.KUBECONFIG;
  let api: ApiServer;
  let core: CoreV1Api;
  let apps: AppsV1Api;
  let controller: { stop: () => Promise<void> } | undefined;

  before("API server", async function () {
    const binaries = requireApiServer(this);
    api = await startApiServer(binaries);
    await giveRights(api, "move", ["before"]);
    process.env.KUBECONFIG = api.kubeconfigOf.move;
    core = api.config.makeApiClient(CoreV1Api);
    apps = api.config.makeApiClient(AppsV1Api);
    await makeNode("plain", {});
  });

  after(async () => {
    if (kubeconfigBefore === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = kubeconfigBefore;
    await api?.stop();
  });

  afterEach(async () => {
    await controller?.stop();
    controller = undefined;
    await api?.objects
      .delete({ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { namespace, name } })
      .catch(() => undefined);
    await core?.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 });
    await core?.deleteCollectionNode({ fieldSelector: "metadata.name!=plain" });
  });

  async function makeNode(
    node: string,
    { labels: own, taints }: { labels?: Record<string, string>; taints?: V1Taint[] },
  ): Promise<void> {
    await core.createNode({ body: { metadata: { name: node, labels: own }, spec: { taints } } });
    await core.patchNodeStatus(
      {
        name: node,
        body: {
          status: {
            conditions: [{ type: "Ready", status: "True" }],
            addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
          },
        },
      },
      setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
    );
  }

  /** kube2iam's DaemonSet, and somebody who sees to its pods; `blind`: who notices nothing. */
  async function deploy(
    spec: Partial<V1PodSpec> = {},
    how: "seen" | "blind" = "seen",
  ): Promise<V1DaemonSet> {
    await apps.createNamespacedDaemonSet({
      namespace,
      body: {
        metadata: { name, labels },
        spec: {
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { containers: [{ name, image: "kube2iam" }], ...spec },
          },
        },
      },
    });
    if (how === "seen") {
      await playController();
      controller = loop(playController);
    }
    return daemonSet();
  }

  const daemonSet = () => apps.readNamespacedDaemonSet({ namespace, name });

  async function playController(): Promise<void> {
    const live = await daemonSet();
    const { items: nodes } = await core.listNode();
    const spec = live.spec?.template.spec as V1PodSpec;
    const meant = nodes.filter((node) => notMeantFor(spec, nodeFacts(node)) === undefined);
    for (const node of meant) {
      const pod = `${name}-${node.metadata?.name}`;
      const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name, controller: true };
      await core
        .createNamespacedPod({
          namespace,
          body: {
            metadata: {
              name: pod,
              labels,
              ownerReferences: [{ ...owner, uid: live.metadata?.uid ?? "" }],
            },
            spec: { ...spec, nodeName: node.metadata?.name },
          },
        })
        .catch(() => undefined);
      const status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
      await core.patchNamespacedPodStatus({ namespace, name: pod, body: { status } }, merge);
    }
    const status = {
      observedGeneration: live.metadata?.generation,
      desiredNumberScheduled: meant.length,
      currentNumberScheduled: meant.length,
      numberMisscheduled: 0,
      numberReady: meant.length,
      updatedNumberScheduled: meant.length,
    };
    await apps.patchNamespacedDaemonSetStatus({ namespace, name, body: { status } }, merge);
  }

  const nodesWithKube2iam = async () => {
    const { items } = await core.listNamespacedPod({ namespace });
    return items.map((pod) => pod.spec?.nodeName).sort();
  };

  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof GateError, String(error));
    return error.message;
  };

  it("puts the label's affinity into the DaemonSet, and takes just that out again", async () => {
    const linux = { key: "kubernetes.io/os", operator: "NotIn", values: ["windows"] };
    const required = (...matchExpressions: object[]) => ({
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions }],
        },
      },
    });
    const tolerations = [{ operator: "Exists" }];
    const before = await deploy({ affinity: required(linux) as never, tolerations });
    const input = { target, by: "label" } as const;

    assert.deepEqual(await keepKube2iamOff(input), { changed: true, unmarked: [] });
    const kept = await daemonSet();
    const off = { key: kiamOnlyKey, operator: "DoesNotExist" };
    assert.deepEqual(plain(kept.spec?.template.spec?.affinity), required(linux, off));
    assert.equal(kept.spec?.updateStrategy?.type, "OnDelete");
    assert.deepEqual(
      plain({ ...kept.spec?.template.spec, affinity: undefined }),
      plain({ ...before.spec?.template.spec, affinity: undefined }),
    );
    assert.deepEqual(await keepKube2iamOff(input), { changed: false, unmarked: [] });
    assert.equal((await daemonSet()).metadata?.generation, kept.metadata?.generation);

    await makeNode("labelled", { labels: { [kiamOnlyKey]: "true" } });
    await sleep(500);
    assert.deepEqual(await nodesWithKube2iam(), ["plain"]);

    assert.deepEqual(await letKube2iamOn({ target }), { changed: true, untainted: [] });
    assert.deepEqual(await nodesWithKube2iam(), ["labelled", "plain"]);
    const free = await daemonSet();
    assert.deepEqual(plain(free.spec?.template), plain(before.spec?.template));
    assert.equal(free.spec?.updateStrategy?.type, "OnDelete");
    assert.deepEqual(await letKube2iamOn({ target }), { changed: false, untainted: [] });
  });

  it("leaves a DaemonSet alone that does not tolerate the taint, and takes taints off again", async () => {
    const dedicated = { key: "dedicated", value: "gpu", effect: "NoExecute" };
    await makeNode("tainted", { taints: [kiamOnlyTaint] });
    await makeNode("special", { taints: [dedicated, kiamOnlyTaint] });
    const before = await deploy();
    const input = { target, by: "taint" } as const;
    assert.deepEqual(await keepKube2iamOff(input), { changed: false, unmarked: [] });
    assert.equal((await daemonSet()).metadata?.generation, before.metadata?.generation);
    assert.deepEqual(await nodesWithKube2iam(), ["plain"]);

    // The other taint is no business of this program's: kube2iam stays off that node.
    const freed = { changed: false, untainted: ["special", "tainted"] };
    assert.deepEqual(await letKube2iamOn({ target }), freed);
    assert.deepEqual(await nodesWithKube2iam(), ["plain", "tainted"]);
    const { spec } = await core.readNode({ name: "special" });
    assert.deepEqual(
      spec?.taints?.map(({ key }) => key).filter((key) => !key.startsWith("node.kubernetes.io/")),
      ["dedicated"],
    );
  });

  it("refuses the taint where kube2iam tolerates it, and advises the label", async () => {
    await deploy({ tolerations: [{ operator: "Exists" }] });
    const message = await refusal(keepKube2iamOff({ target, by: "taint" }));
    assert.match(message, /DaemonSet kube-system\/kube2iam: its pods tolerate/);
    assert.match(message, /what to do: set newNodes\.keepKube2iamOff to label/);
  });

  it("has nothing to change in a DaemonSet that is gone, and still takes taints off", async () => {
    await makeNode("tainted", { taints: [kiamOnlyTaint] });
    for (const by of ["taint", "label"] as const) {
      assert.deepEqual(await keepKube2iamOff({ target, by }), { changed: false, unmarked: [] });
    }
    assert.deepEqual(await letKube2iamOn({ target }), { changed: false, untainted: ["tainted"] });
  });

  it("does not count as done before the DaemonSet's controller knows", async () => {
    await deploy({}, "blind");
    const soon = { ...target, timeoutSeconds: 1 };
    const message = await refusal(keepKube2iamOff({ target: soon, by: "label" }));
    assert.match(message, /its controller has not seen it/);
  });

  it("names the nodes on which kube2iam does not come back", async () => {
    await makeNode("tainted", { taints: [kiamOnlyTaint] });
    await deploy();
    await controller?.stop();
    const soon = { ...target, timeoutSeconds: 1 };
    const message = await refusal(letKube2iamOn({ target: soon }));
    assert.match(message, /kiam goes on supplying them/);
    assert.match(message, /node tainted: no pod of DaemonSet kube-system\/kube2iam runs on it/);
  });
});

/** As it would be written, whatever classes the client makes of it. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function loop(turn: () => Promise<void>): { stop: () => Promise<void> } {
  let going = true;
  const done = (async () => {
    while (going) {
      await turn().catch(() => undefined);
      await sleep(100);
    }
  })();
  return {
    stop: () => {
      going = false;
      return done;
    },
  };
}
