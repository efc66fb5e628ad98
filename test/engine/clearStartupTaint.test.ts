/**
 * components/newNodes/clearStartupTaint.sh, with real kubectl against a real kube-apiserver, by
 * every shell and with the permissions that its component gives it.
 *
 * There are no kubelets: the test writes what they would write about nodes and pods. Not proven
 * here: the pod of the Deployment and its image; test/faults has them on the embedded cluster.
 * All share one API server: one file.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";
import { execa } from "execa";
import pWaitFor from "p-wait-for";

import { agentLabels, kiamNames } from "../../migration/kiam/names.js";
import { StartupTaint } from "../../components/newNodes/startupTaint.js";
import { agentNotReadyTaint, kiamOnlyTaint } from "../../migration/facts/clusterFacts.js";
import { parseSettings } from "../../migration/settings/parse.js";
import { exampleSettings } from "../support/exampleCluster.js";
import { MockEngine } from "../support/mockEngine.js";
import { needsCommands } from "../support/requirements.js";
import { requireApiServer, startApiServer, type ApiServer } from "./apiserver.js";
import { limit, patience } from "./limit.js";

const script = path.resolve(__dirname, "../../components/newNodes/clearStartupTaint.sh");
const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
const selector = Object.entries(agentLabels)
  .map(([label, value]) => `${label}=${value}`)
  .join(",");

describe("clearing the startup taint", function () {
  this.timeout(limit);
  let api: ApiServer;
  let core: CoreV1Api;
  let directory: string;
  let kubeconfig: string;
  const running: ChildProcess[] = [];

  before("API server", async function () {
    needsCommands(this, ["dash", "bash", "busybox"]);
    const binaries = requireApiServer(this);
    api = await startApiServer(binaries);
    core = api.config.makeApiClient(CoreV1Api);
    directory = await mkdtemp(path.join(tmpdir(), "kiam-taint-test-"));
    await symlink(
      path.join(path.dirname(binaries.apiserver), "kubectl"),
      path.join(directory, "kubectl"),
    );
    await core.createNamespace({ body: { metadata: { name: "kiam" } } });
    await declareComponent();
    kubeconfig = await kubeconfigOf(kiamNames.startupTaint);
    // The API server learns of permissions by watching them.
    await pWaitFor(async () => (await mayList("nodes")) && (await mayList("pods", "-n", "kiam")), {
      timeout: patience,
    });
  });

  const mayList = async (...what: string[]) =>
    (await execa("kubectl", ["get", ...what], { env: environment(), reject: false })).exitCode ===
    0;

  /** What the component declares is created as it is: the API server accepts it. */
  async function declareComponent(): Promise<void> {
    const { kiam } = parseSettings(exampleSettings());
    const kinds = [
      ...["core/v1:ServiceAccount", "core/v1:ConfigMap", "apps/v1:Deployment"],
      ...["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"].map(
        (kind) => `rbac.authorization.k8s.io/v1:${kind}`,
      ),
      ...["", "Binding"].map(
        (kind) => `admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy${kind}`,
      ),
    ].map((kind) => `kubernetes:${kind}`);
    const engine = await MockEngine.start(
      Object.fromEntries(kinds.map((kind) => [kind, () => ({})])),
    );
    const args = { kiam, kubectlImage: "kubectl", admissionPolicies: true };
    await engine.run(() => new StartupTaint("startup-taint", args));
    const objects = engine.registered.filter(({ type }) => kinds.includes(type));
    assert.equal(objects.length, kinds.length);
    for (const { inputs } of objects) await api.objects.create(inputs);
  }

  /** A kubeconfig with which kubectl is that service account of kiam's namespace. */
  async function kubeconfigOf(account: string): Promise<string> {
    const { status } = await core.createNamespacedServiceAccountToken({
      namespace: "kiam",
      name: account,
      body: { spec: { audiences: [] } },
    });
    const config = new KubeConfig();
    const cluster = api.config.getCurrentCluster();
    assert.ok(cluster !== null && status !== undefined);
    config.loadFromClusterAndUser(cluster, { name: account, token: status.token });
    const file = path.join(directory, "account.kubeconfig");
    await writeFile(file, config.exportConfig());
    return file;
  }

  afterEach(async () => {
    for (const child of running.splice(0)) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });

  after(async () => {
    await api?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  const environment = () => ({
    HOME: directory,
    KUBECONFIG: kubeconfig,
    PATH: `${directory}:${process.env.PATH}`,
  });

  /** Starts it as the Deployment does; what it says is collected. */
  function watch(...shell: string[]): { said: () => string; complained: () => string } {
    const [program = "sh", ...rest] = shell;
    const words = [...rest, script, "watch", "kiam", selector, agentNotReadyTaint.key];
    const child = spawn(program, words, { env: environment() });
    running.push(child);
    let [out, err] = ["", ""];
    child.stdout.on("data", (data: Buffer) => (out += data.toString()));
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    return { said: () => out, complained: () => err };
  }

  const probe = async (what: "alive" | "ready") =>
    (await execa("sh", [script, what], { env: environment(), reject: false })).exitCode;

  /** Waits until it has looked at everything once more, from now on. */
  async function wholeRound(): Promise<void> {
    // The first may belong to a round that had begun already.
    for (let rounds = 0; rounds < 2; rounds++) {
      await rm(path.join(directory, "ready"), { force: true });
      await pWaitFor(async () => (await probe("ready")) === 0, { timeout: patience });
    }
  }

  async function makeNode(name: string, taints: object[]): Promise<void> {
    await core.createNode({
      body: { metadata: { name }, spec: { taints: taints as never } },
    });
  }

  async function taintsOf(name: string): Promise<string[]> {
    const node = await core.readNode({ name });
    const taints = (node.spec?.taints ?? []).map((taint) => taint.key);
    // The API server marks new nodes as not ready by itself.
    return taints.filter((key) => !key.startsWith("node.kubernetes.io/"));
  }

  async function makeAgent(
    node: string,
    ready: boolean,
    labels: Record<string, string> = agentLabels,
  ): Promise<string> {
    const name = `agent-${node}`;
    await core.createNamespacedPod({
      namespace: "kiam",
      body: {
        metadata: { name, labels, finalizers: ["test/stays"] },
        spec: { nodeName: node, containers: [{ name: "kiam", image: "kiam" }] },
      },
    });
    await setReady(name, ready);
    return name;
  }

  async function setReady(name: string, ready: boolean): Promise<void> {
    const status = {
      phase: "Running",
      conditions: [
        { type: "PodScheduled", status: "True" },
        { type: "Ready", status: ready ? "True" : "False" },
      ],
    };
    await core.patchNamespacedPodStatus({ namespace: "kiam", name, body: { status } }, merge);
  }

  for (const shell of [["dash"], ["bash"], ["busybox", "sh"]]) {
    it(`takes that taint off a node once its agent is ready, and no other (${shell[0]})`, async () => {
      const [one, other] = [`one-${shell[0]}`, `other-${shell[0]}`];
      await makeNode(one, [kiamOnlyTaint, agentNotReadyTaint]);
      await makeNode(other, [agentNotReadyTaint]);
      const agent = await makeAgent(one, false);
      const { said, complained } = watch(...shell);
      await wholeRound();
      assert.deepEqual(await taintsOf(one), [kiamOnlyTaint.key, agentNotReadyTaint.key]);
      await setReady(agent, true);
      await pWaitFor(async () => (await taintsOf(one)).length === 1, { timeout: patience });
      assert.deepEqual(await taintsOf(one), [kiamOnlyTaint.key]);
      assert.deepEqual(await taintsOf(other), [agentNotReadyTaint.key]);
      await pWaitFor(() => said().includes(`${one}: kiam's agent is ready`), { timeout: patience });
      assert.ok(!said().includes(other));
      assert.equal(complained(), "");
    });
  }

  describe("by its account", () => {
    const node = "confined";
    const foreign = { key: "dedicated", value: "gpu", effect: "NoExecute" as const };

    beforeEach(async () => {
      await core.createNode({
        body: {
          metadata: { name: node, labels: { pool: "general" }, annotations: { note: "as made" } },
          spec: { taints: [foreign, kiamOnlyTaint, agentNotReadyTaint] },
        },
      });
      // The API server learns of policies, too, by watching them.
      const forbidden = { metadata: { labels: { probe: "x" } } };
      await pWaitFor(async () => (await patch("merge", forbidden)).exitCode !== 0, {
        timeout: patience,
      });
      assert.equal((await core.readNode({ name: node })).metadata?.labels?.pool, "general");
    });
    afterEach(() => core.deleteNode({ name: node }));

    const patch = (type: "merge" | "json" | "strategic", body: unknown) =>
      execa("kubectl", ["patch", "node", node, `--type=${type}`, "-p", JSON.stringify(body)], {
        env: environment(),
        reject: false,
      });

    async function taintIndex(key: string): Promise<number> {
      const { spec } = await core.readNode({ name: node });
      return spec?.taints?.findIndex((taint) => taint.key === key) ?? -1;
    }

    it("may take that taint off", async () => {
      const path = `/spec/taints/${await taintIndex(agentNotReadyTaint.key)}`;
      const { exitCode, stderr } = await patch("json", [{ op: "remove", path }]);
      assert.equal(exitCode, 0, stderr);
      assert.deepEqual(await taintsOf(node), [foreign.key, kiamOnlyTaint.key]);
      // The very last one goes, too: then there is no list of taints any more.
      const last = await core.readNode({ name: node });
      await core.replaceNode({
        name: node,
        body: { ...last, spec: { taints: [agentNotReadyTaint] } },
      });
      const { exitCode: cleared } = await patch("merge", { spec: { taints: null } });
      assert.equal(cleared, 0);
      assert.deepEqual(await taintsOf(node), []);
    });

    it("may change nothing else of a node, and is told what it may", async () => {
      const before = await core.readNode({ name: node });
      const others = before.spec?.taints?.filter(({ key }) => key !== agentNotReadyTaint.key) ?? [];
      const taints = (...list: object[]) => ({ spec: { taints: list } });
      const attempts: [string, object][] = [
        ["a new label", { metadata: { labels: { "kube2iam-to-kiam/worker": "true" } } }],
        ["a changed label", { metadata: { labels: { pool: "other" } } }],
        ["a removed label", { metadata: { labels: null } }],
        ["a new annotation", { metadata: { annotations: { "kube2iam-to-kiam/cutover": "{}" } } }],
        ["a removed annotation", { metadata: { annotations: { note: null } } }],
        ["a finalizer", { metadata: { finalizers: ["example.com/stays"] } }],
        ["cordoning", { spec: { unschedulable: true } }],
        ["a provider id", { spec: { providerID: "aws:///eu-west-1a/i-0123456789abcdef0" } }],
        ["every taint off", taints()],
        ["another taint off", taints(...others.slice(1), agentNotReadyTaint)],
        ["another taint on", taints(...others, agentNotReadyTaint, { ...foreign, key: "mine" })],
        ["another effect", taints(...others, { ...agentNotReadyTaint, effect: "NoExecute" })],
        ["a label beside what it may", { metadata: { labels: { a: "b" } }, ...taints(...others) }],
      ];
      for (const [what, body] of attempts) {
        const { exitCode, stderr } = await patch("merge", body);
        assert.notEqual(exitCode, 0, what);
        assert.match(stderr, /may take the taint \S+agent-not-ready off nodes/, what);
      }
      const after = await core.readNode({ name: node });
      assert.deepEqual(
        [after.metadata?.labels, after.spec],
        [before.metadata?.labels, before.spec],
      );
      assert.deepEqual(after.metadata?.annotations, before.metadata?.annotations);
    });

    it("hinders nobody else", async () => {
      const body = { metadata: { labels: { pool: "other" } }, spec: { unschedulable: true } };
      const changed = await core.patchNode({ name: node, body }, merge);
      assert.deepEqual(
        [changed.metadata?.labels?.pool, changed.spec?.unschedulable],
        ["other", true],
      );
    });
  });

  it("waits for an agent, not for another pod, nor for an agent that is going", async () => {
    await makeNode("going", [agentNotReadyTaint]);
    await makeNode("strange", [agentNotReadyTaint]);
    const agent = await makeAgent("going", true);
    await core.deleteNamespacedPod({ namespace: "kiam", name: agent });
    await makeAgent("strange", true, { app: "another" });
    await makeNode("last", [agentNotReadyTaint]);
    await makeAgent("last", true);
    watch("dash");
    await pWaitFor(async () => (await taintsOf("last")).length === 0, { timeout: patience });
    await wholeRound();
    assert.deepEqual(await taintsOf("going"), [agentNotReadyTaint.key]);
    assert.deepEqual(await taintsOf("strange"), [agentNotReadyTaint.key]);
  });

  it("survives an API server that is away, says so once, and is not ready meanwhile", async () => {
    const away = path.join(directory, "away.kubeconfig");
    const there = await readFile(kubeconfig, "utf8");
    await writeFile(away, there.replace(/127\.0\.0\.1:\d+/, "127.0.0.1:9"));
    await rm(path.join(directory, "ready"), { force: true });
    const words = [script, "watch", "kiam", selector, agentNotReadyTaint.key];
    const child = spawn("dash", words, { env: { ...environment(), KUBECONFIG: away } });
    running.push(child);
    let complaint = "";
    child.stderr.on("data", (data: Buffer) => (complaint += data.toString()));
    await pWaitFor(() => complaint.includes("refused"), { timeout: patience });
    const first = complaint.length;
    await new Promise((resolve) => setTimeout(resolve, 5000));
    assert.equal(complaint.length, first, "the same again is not said again");
    assert.equal(await probe("alive"), 0, "the loop goes round");
    assert.equal(await probe("ready"), 1);
    assert.equal(child.exitCode, null);
  });

  it("counts as dead when the loop has not gone round for a minute", async () => {
    const old = Math.floor(Date.now() / 1000) - 61;
    await writeFile(path.join(directory, "alive"), `${old}\n`);
    assert.equal(await probe("alive"), 1);
    await writeFile(path.join(directory, "alive"), `${old + 11}\n`);
    assert.equal(await probe("alive"), 0);
    await rm(path.join(directory, "alive"));
    assert.equal(await probe("alive"), 1);
  });
});
