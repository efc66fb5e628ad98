import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { GetRoleCommand, type IAMClient } from "@aws-sdk/client-iam";
import {
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1Namespace,
} from "@kubernetes/client-node";
import { PulumiCommand, type Stack } from "@pulumi/pulumi/automation";

import { destroyAll, moveTo, pendingChanges } from "../../automation/moveTo.js";
import { openStack } from "../../automation/openStack.js";
import { silentProgress } from "../../automation/progress.js";
import { seedRoles, nodeRoles } from "../../lab/workload/roles.js";
import { kube2iamObjects } from "../../lab/workload/kube2iam.js";
import { permittedAnnotation } from "../../migration/permitted.js";
import type { SettingsInput } from "../../migration/settings.js";
import { labPython, startAws, type AwsServer } from "../lab/awsServer.js";
import { skipBecause } from "../support/requirements.js";
import { findApiServer, startApiServer, type ApiServer } from "./apiserver.js";
import { requireEngine } from "./engine.js";

/*
 * The program on the real engine with the stand-in plugins, a real API server and the lab's IAM:
 * stage prepare, its preview, its end. There are no nodes that run anything, so the later stages
 * are left to test/cluster; and the official plugins are not what runs here.
 */

const settings: SettingsInput = {
  stage: "prepare",
  kiam: { region: "us-east-1" },
  namespaces: { orders: { permitted: "arn:aws:iam::123456789012:role/app-orders" } },
  iam: {
    masterRoleName: nodeRoles.masters,
    workerRoleName: nodeRoles.workers,
    applicationRoles: [{ name: "kiam-probe" }],
  },
  ssh: { privateKey: "the key of all workers" },
  probe: { role: "kiam-probe" },
};

describe("the program on the real engine", function () {
  this.timeout(120_000);
  const checkout = path.resolve(__dirname, "../..");
  const kubeconfigBefore = process.env.KUBECONFIG;
  let api: ApiServer;
  let aws: AwsServer;
  let iam: IAMClient;
  let directory: string;
  let open: (change?: Partial<SettingsInput>) => Promise<Stack>;

  before("API server, IAM and engine", async function () {
    const engine = requireEngine(this);
    const binaries = findApiServer();
    if (binaries === undefined)
      return skipBecause(
        this,
        "needs kube-apiserver and etcd (KIAM_LAB_KUBERNETES, KIAM_LAB_ETCD)",
      );
    const python = labPython();
    if ("missing" in python) return skipBecause(this, python.missing);
    [api, aws] = await Promise.all([startApiServer(binaries), startAws(python.python, {})]);
    iam = aws.iam(aws.admin);
    await seedRoles(iam);
    await makeCluster(api);
    directory = await mkdtemp(path.join(tmpdir(), "kiam-program-test-"));
    process.env.KUBECONFIG = api.kubeconfig;
    const pulumi = await PulumiCommand.get({ root: engine });
    const plugin = (name: string) => path.join(checkout, "lab/standins/providers", name);
    open = (change = {}) =>
      openStack(
        {
          stackName: "test",
          workDir: directory,
          toolDirectory: checkout,
          backendUrl: `file://${directory}`,
          pulumi,
          plugins: {
            kubernetes: plugin("kubernetes"),
            aws: plugin("aws"),
            command: plugin("command"),
          },
          env: {
            KUBECONFIG: api.kubeconfig,
            AWS_ENDPOINT_URL: `http://${aws.at.plain}`,
            AWS_REGION: "us-east-1",
            AWS_ACCESS_KEY_ID: aws.admin.accessKeyId,
            AWS_SECRET_ACCESS_KEY: aws.admin.secretAccessKey,
            PULUMI_CONFIG_PASSPHRASE: "test",
            PULUMI_HOME: path.join(directory, "home"),
          },
        },
        { ...settings, ...change },
      );
  });

  after("stop what was started", async () => {
    if (kubeconfigBefore === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = kubeconfigBefore;
    await Promise.all([api?.stop(), aws?.stop()]);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  async function namespace(name: string): Promise<V1Namespace | undefined> {
    try {
      return await api.objects.read<V1Namespace>({
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name },
      });
    } catch {
      return undefined;
    }
  }

  it("names every problem of the settings and touches nothing", async () => {
    const stack = await open({
      workers: { waveSize: "0%" },
      kiam: { region: "nowhere", agentPort: 0 },
    });
    await assert.rejects(moveTo(stack, "prepare", { progress: silentProgress }), (error: Error) => {
      for (const property of ["workers.waveSize", "kiam.region", "kiam.agentPort"]) {
        assert.match(error.message, new RegExp(`${property.replace(".", "\\.")} \\(is `));
      }
      assert.doesNotMatch(error.message, /at .*\.ts:\d+/, "no stack trace");
      return true;
    });
    assert.equal(await namespace("kiam"), undefined);
  });

  it("prepares in the planned order", async () => {
    const { steps } = await moveTo(await open(), "prepare", { progress: silentProgress });
    const names = steps.map((step) => step.what);
    const inOrder = (...expected: string[]) => {
      const places = expected.map((name) => names.indexOf(name));
      assert.ok(!places.includes(-1), `${expected.join(", ")} in ${names.join(", ")}`);
      assert.deepEqual(
        places,
        [...places].sort((a, b) => a - b),
        expected.join(" before "),
      );
    };
    inOrder("Namespace kiam", "ConfigMap kiam-record");
    inOrder("Namespace kiam", "gate kiam-tls", "Secret kiam-tls-server");
    inOrder("Role iam-server", "RolePolicy iam-master-assumes");
    inOrder("Role iam-server", "Role iam-kiam-probe", "RolePolicy iam-worker-assumes");
    const orders = await namespace("orders");
    assert.equal(
      orders?.metadata?.annotations?.[permittedAnnotation],
      "arn:aws:iam::123456789012:role/app-orders",
    );
    const probe = await iam.send(new GetRoleCommand({ RoleName: "kiam-probe" }));
    const trust = decodeURIComponent(probe.Role?.AssumeRolePolicyDocument ?? "");
    assert.match(trust, /role\/kiam-server/);
    assert.match(trust, /role\/nodes\.lab\.k8s\.local/);
  });

  it("has nothing to change the second time", async () => {
    assert.deepEqual(await pendingChanges(await open()), { count: 0, resources: [] });
  });

  it("does not renew the certificates of running servers when their validity is changed", async () => {
    const kiam = { region: "us-east-1", tls: { mode: "issued" as const, validityDays: 90 } };
    assert.deepEqual(await pendingChanges(await open({ kiam })), { count: 0, resources: [] });
  });

  it("keeps keys out of state and configuration but encrypted", async () => {
    const stack = await open();
    // Not by exportStack, which decrypts.
    const file = path.join(directory, ".pulumi/stacks/kube2iam-to-kiam/test.json");
    const state = await readFile(file, "utf8");
    assert.ok(state.includes("kiam-tls"), "the state has the certificates");
    assert.ok(!state.includes("PRIVATE KEY"), "the state has no key in clear");
    const configuration = await stack.workspace.stackSettings("test");
    assert.doesNotMatch(JSON.stringify(configuration), /the key of all workers/);
  });

  it("stops with every blocking finding of the audit", async () => {
    const stack = await open({ namespaces: { nowhere: { permitted: ".*" } } });
    await assert.rejects(
      moveTo(stack, "prepare", { progress: silentProgress }),
      /namespace\/nowhere: there is no such namespace \[namespace-missing\]/,
    );
  });

  it("takes everything away again, and only that", async () => {
    await destroyAll(await open(), { progress: silentProgress });
    assert.equal(await namespace("kiam"), undefined);
    const orders = await namespace("orders");
    assert.notEqual(orders, undefined, "the application's namespace stays");
    assert.equal(orders?.metadata?.annotations?.[permittedAnnotation], undefined);
    await assert.rejects(iam.send(new GetRoleCommand({ RoleName: "kiam-server" })));
    await iam.send(new GetRoleCommand({ RoleName: nodeRoles.masters }));
  });
});

/** Objects that the program reads, as a cluster with kube2iam would have them. */
async function makeCluster({ objects, config }: ApiServer): Promise<void> {
  await objects.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "orders" } });
  for (const object of kube2iamObjects({ workers: 1 })) await objects.create(object);
  const core = config.makeApiClient(CoreV1Api);
  for (const { name, role, address } of [
    { name: "master-1", role: "control-plane", address: "10.0.0.10" },
    { name: "worker-1", role: "node", address: "10.0.0.11" },
  ]) {
    const labels = { [`node-role.kubernetes.io/${role}`]: "" };
    await core.createNode({ body: { metadata: { name, labels } } });
    await core.patchNodeStatus(
      { name, body: { status: { addresses: [{ type: "InternalIP", address }] } } },
      setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
    );
  }
}
