import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";

import { AppsV1Api, BatchV1Api, CoreV1Api } from "@kubernetes/client-node";
import { execa } from "execa";
import { parse } from "yaml";

import { moveTo } from "../../automation/moveTo.js";
import { silentProgress } from "../../automation/progress.js";
import type { AuditAnswer } from "../../automation/look/auditStack.js";
import type { NewNodesAnswer } from "../../cli/newNodes/newNodesAnswer.js";
import type { TrustAnswer } from "../../automation/roles/trustOfStack.js";
import { readTrust } from "../../automation/applyTrust.js";
import type { PlanPreview } from "../../migration/preview/planPreview.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { limit } from "./limit.js";

/*
 * The command line as a process, on the real engine, a real API server and the lab's IAM. Nodes
 * and pods are objects that nothing runs: the looks over SSH and into logs are for test/embedded.
 */

const command = path.resolve(__dirname, "../../bin/kiam-migrate.mjs");

async function kiamMigrate(args: string[], env: Record<string, string> = {}) {
  const { stdout, stderr, exitCode } = await execa(process.execPath, [command, ...args], {
    env,
    reject: false,
  });
  return { stdout, stderr, exitCode };
}

describe("kiam-migrate's command line", function () {
  this.timeout(limit);

  it("ends quietly where its answer is no longer read", async () => {
    const pipe = 'node "$0" --help | true; exit "${PIPESTATUS[0]}"';
    const { stderr, exitCode } = await execa("bash", ["-c", pipe, command], { reject: false });
    assert.deepEqual([stderr, exitCode], ["", 0]);
  });

  it("teaches by --help, for itself and for each command", async () => {
    const { stdout, exitCode } = await kiamMigrate(["--help"]);
    assert.equal(exitCode, 0);
    const moving = ["migrate", "status", "rollback", "recover", "new-nodes"];
    for (const name of ["audit", "plan", "trust", "permitted", "pull-request", ...moving]) {
      assert.match(stdout, new RegExp(`kiam-migrate ${name} --stack staging`));
      const help = await kiamMigrate([name, "--help"]);
      assert.equal(help.exitCode, 0);
      assert.match(help.stdout, /Exit codes:\n {2}0 /);
    }
  });

  it("refuses what it does not know with exit code 2, and says what", async () => {
    const unknown = await kiamMigrate(["adit", "--stack", "x"]);
    assert.equal(unknown.exitCode, 2);
    assert.match(unknown.stderr, /unknown command 'adit'/);
    const without = await kiamMigrate(["audit"]);
    assert.equal(without.exitCode, 2);
    assert.match(without.stderr, /--stack <name>/);
    assert.equal(without.stdout, "");
  });

  it("takes the stack's name from PULUMI_STACK, as pulumi does", async () => {
    const nowhere = await kiamMigrate(["audit", "--cwd", "/nowhere"], { PULUMI_STACK: "staging" });
    assert.match(nowhere.stderr, /stack staging/);
    assert.doesNotMatch(nowhere.stderr, /--stack/);
    const empty = await kiamMigrate(["audit"], { PULUMI_STACK: "" });
    assert.equal(empty.exitCode, 2);
    assert.match(empty.stderr, /PULUMI_STACK.*empty/);
  });
});

describe("kiam-migrate on a stack", function () {
  this.timeout(limit);
  let cluster: ClusterOfApis;

  before("API server, IAM and engine", async function () {
    cluster = await startClusterOfApis(this);
    await cluster.open();
    const core = cluster.api.config.makeApiClient(CoreV1Api);
    await core.createNamespacedServiceAccount({
      namespace: "orders",
      body: { metadata: { name: "default" } },
    });
    await core.createNamespacedPod({
      namespace: "orders",
      body: {
        metadata: { name: "orders-1", annotations: { "iam.amazonaws.com/role": "app-orders" } },
        spec: { nodeName: "worker-1", containers: [{ name: "app", image: "app" }] },
      },
    });
  });

  before("a workload that has no pod just now", async () => {
    const batch = cluster.api.config.makeApiClient(BatchV1Api);
    const containers = [{ name: "app", image: "app" }];
    const template = {
      metadata: { annotations: { "iam.amazonaws.com/role": "app-orders" } },
      spec: { restartPolicy: "Never", containers },
    };
    await batch.createNamespacedCronJob({
      namespace: "orders",
      body: {
        metadata: { name: "nightly" },
        spec: { schedule: "0 3 * * *", jobTemplate: { spec: { template } } },
      },
    });
    const apps = cluster.api.config.makeApiClient(AppsV1Api);
    const labels = { app: "asleep" };
    await apps.createNamespacedDeployment({
      namespace: "orders",
      body: {
        metadata: { name: "asleep" },
        spec: {
          replicas: 0,
          selector: { matchLabels: labels },
          template: { metadata: { ...template.metadata, labels }, spec: { containers } },
        },
      },
    });
  });

  after("stop what was started", () => cluster?.dispose());

  const run = (name: string, ...args: string[]) =>
    kiamMigrate(
      [name, "--stack", "test", "--cwd", cluster.directory, ...args],
      cluster.environment,
    );

  it("audits for the stage asked for, with a verdict for every pod", async () => {
    const { stdout, stderr, exitCode } = await run("audit", "--no-ssh", "--json");
    assert.equal(exitCode, 0, stderr);
    const answer = JSON.parse(stdout) as AuditAnswer;
    assert.equal(answer.stage, "prepare");
    assert.deepEqual(
      answer.pods.map(({ namespace, pods, verdict }) => [namespace, pods, verdict]),
      [["orders", ["cronjob/nightly", "deployment/asleep", "orders-1"], "refused"]],
    );
    const later = await run("audit", "--no-ssh", "--stage", "cutover");
    assert.equal(later.exitCode, 1);
    assert.match(
      later.stdout,
      /node\/worker-1: ssh\.hostKeys has no key for it \[host-key-unknown\]/,
    );
    assert.match(later.stdout, /see: docs\/findings\.md#host-key-unknown/);
    assert.match(
      later.stdout,
      /stands? in the way of stack test at stage cutover\. Not looked at: the workers over SSH/,
    );
  });

  it("shows the trust that is missing, adds it when told to, and has nothing to do then", async () => {
    const early = await run("trust");
    assert.equal(early.exitCode, 1);
    assert.match(early.stdout, /there is no role \S+role\/kiam-server yet/);

    await moveTo(await cluster.open(), "prepare", { progress: silentProgress });
    const before = await readTrust(cluster.iam, "app-orders");
    const shown = await run("trust", "--json");
    assert.equal(shown.exitCode, 1, shown.stderr);
    const { roles } = JSON.parse(shown.stdout) as TrustAnswer;
    assert.equal(roles.find(({ arn }) => arn.endsWith("/app-orders"))?.reason, "missing");
    assert.deepEqual(await readTrust(cluster.iam, "app-orders"), before, "nothing was touched");

    const approved = await run("trust", "--approve");
    assert.equal(approved.exitCode, 0, approved.stdout + approved.stderr);
    const after = await readTrust(cluster.iam, "app-orders");
    assert.deepEqual(
      [after.Statement].flat().slice(0, -1),
      [before.Statement].flat(),
      "what was there stays as it was",
    );
    const again = await run("trust", "--approve");
    assert.equal(again.exitCode, 0);
    assert.match(again.stdout, /0 roles written/);
  });

  it("keeps the workers' trust as long as kube2iam runs", async () => {
    const { stderr, exitCode } = await run("trust", "--remove-workers", "--approve");
    assert.equal(exitCode, 3);
    assert.match(stderr, /kube2iam still runs/);
  });

  it("proposes what a namespace has to permit, writes it when told to, and then has nothing to say", async () => {
    await moveTo(await cluster.open({ namespaces: {} }), "prepare", { progress: silentProgress });
    const shown = await run("permitted");
    assert.equal(shown.exitCode, 1, shown.stderr);
    assert.match(shown.stdout, /# Proven on all \d+ roles of the account/);
    assert.deepEqual(parse(shown.stdout), {
      "kube2iam-to-kiam:namespaces": {
        orders: { permitted: "arn:aws:iam::123456789012:role/app-orders" },
      },
    });
    const approved = await run("permitted", "--approve");
    assert.equal(approved.exitCode, 0, approved.stderr);
    assert.match(approved.stdout, /Written to .*Pulumi\.test\.yaml/);
    const again = await run("permitted");
    assert.equal(again.exitCode, 0, again.stdout);
    await cluster.open();
  });

  it("plans, the same for the same input", async () => {
    const waits = await run("plan", "--no-ssh", "--stage", "cutover");
    assert.match(waits.stdout, /waits +worker-1: its SSH host key is not known/);
    const refused = await run("plan", "--no-ssh", "--stage", "retire");
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /host-key-unknown/);

    const first = await run("plan", "--no-ssh", "--json");
    assert.equal(first.exitCode, 0, first.stderr);
    assert.equal((await run("plan", "--no-ssh", "--json")).stdout, first.stdout);
    const preview = JSON.parse(first.stdout) as PlanPreview;
    assert.deepEqual(
      preview.workers.map(({ name, wave, rules }) => [name, wave, "unread" in rules]),
      [["worker-1", "canary-1", true]],
    );
    const markdown = await run("plan", "--no-ssh", "--markdown");
    assert.match(markdown.stdout, /^### kube2iam to kiam: stack `test` at stage `prepare`/);
    assert.equal((await run("plan", "--json", "--markdown")).exitCode, 2);
  });

  it("prints what goes into node groups, and writes a file for each kind of them", async () => {
    const shown = await run("new-nodes");
    assert.equal(shown.exitCode, 0, shown.stderr);
    assert.match(shown.stdout, /^New workers get: the boot guard\./);
    assert.match(shown.stdout, /--- kops, each InstanceGroup/);
    const directory = path.join(cluster.directory, "groups/new");
    const written = await run("new-nodes", "--directory", directory, "--json");
    assert.equal(written.exitCode, 0, written.stderr);
    const answer = JSON.parse(written.stdout) as NewNodesAnswer;
    const { bootGuard, nodeGroups } = answer;
    assert.match(bootGuard.text, new RegExp(`'?${answer.interface}'?.*--to-destination`));
    for (const { file, text } of [...nodeGroups, bootGuard]) {
      assert.equal(await readFile(path.join(directory, file), "utf8"), text);
      assert.doesNotMatch(text, /<the script at the end>/);
    }
    assert.deepEqual(
      answer.written,
      [...nodeGroups, bootGuard].map(({ file }) => path.join(directory, file)),
    );
    const text = await run("new-nodes", "--directory", directory);
    assert.match(text.stdout, /groups\/new\/karpenter\.yaml: Karpenter/);
    const nowhere = await run(
      "new-nodes",
      "--directory",
      path.join(directory, bootGuard.file, "in a file"),
    );
    assert.equal(nowhere.exitCode, 3);
    assert.match(nowhere.stderr, /in a file/);
  });

  it("lets the workers' role go once kube2iam is retired", async () => {
    const api = cluster.api.config.makeApiClient(AppsV1Api);
    await api.deleteNamespacedDaemonSet({ namespace: "kube-system", name: "kube2iam" });
    const early = await run("trust", "--remove-workers", "--approve");
    assert.equal(early.exitCode, 3);
    assert.match(early.stderr, /stack is at stage prepare/);

    await cluster.open({ stage: "retire" });
    const shown = await run("trust", "--remove-workers");
    assert.equal(shown.exitCode, 1, shown.stderr);
    assert.match(shown.stdout, /To be taken out: \S+role\/nodes\.lab\.k8s\.local/);
    const approved = await run("trust", "--remove-workers", "--approve");
    assert.equal(approved.exitCode, 0, approved.stdout + approved.stderr);
    const left = JSON.stringify(await readTrust(cluster.iam, "app-orders"));
    assert.match(left, /role\/kiam-server/);
    assert.doesNotMatch(left, /nodes\.lab\.k8s\.local/);
    assert.equal((await run("trust", "--remove-workers")).exitCode, 0);
    await cluster.open();
  });

  it("names every problem of the settings with exit code 2", async () => {
    await cluster.open({ kiam: { region: "nowhere" }, workers: { waveSize: "0%" } });
    const { stderr, exitCode } = await run("audit");
    await cluster.open();
    assert.equal(exitCode, 2);
    assert.match(stderr, /kiam\.region/);
    assert.match(stderr, /workers\.waveSize/);
  });
});
