import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";

import type { KubernetesObject } from "@kubernetes/client-node";
import { execa } from "execa";

import * as api from "../../automation/api/index.js";
import type { AuditReport, MigrationEvent, MigrationStack } from "../../automation/api/index.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { limit } from "./limit.js";

/*
 * A script's API on the real engine, a real API server and the lab's IAM, and two of the examples as
 * they are run. No controller runs there: stage prepare can be reached. All stages are for test/embedded.
 */

const checkout = path.resolve(__dirname, "../..");

describe("a script's API", function () {
  this.timeout(limit);
  let cluster: ClusterOfApis;
  let environment: NodeJS.ProcessEnv | undefined;
  let stack: MigrationStack;

  before("API server, IAM, engine and a stack", async function () {
    environment = { ...process.env };
    cluster = await startClusterOfApis(this);
    Object.assign(process.env, cluster.environment, {
      XDG_CACHE_HOME: path.join(cluster.directory, "cache"),
    });
    // A login that leads nowhere: the workers have no host key, so nothing logs in to them.
    await cluster.open({ ssh: { agentSocketPath: "/nonexistent/agent" } });
    stack = await api.openStack({ stack: "test", directory: cluster.directory });
    // A role that is in use, and no pod that has it just now.
    const app = { app: "asleep" };
    await cluster.api.objects.create({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "asleep", namespace: "orders" },
      spec: {
        replicas: 0,
        selector: { matchLabels: app },
        template: {
          metadata: { labels: app, annotations: { "iam.amazonaws.com/role": "app-orders" } },
          spec: { containers: [{ name: "app", image: "app" }] },
        },
      },
    } as KubernetesObject);
  });

  after("stop what was started", async () => {
    await cluster?.dispose();
    if (environment === undefined) return;
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, environment);
  });

  const settingsFile = () => readFile(path.join(cluster.directory, "Pulumi.test.yaml"), "utf8");
  const open = (settings: api.SomeSettings) =>
    api.openStack({ stack: "test", directory: cluster.directory, settings });

  it("changes the settings that it is given, and none where they are wrong", async () => {
    const before = await settingsFile();
    const wrong = open({ probe: { timeoutSeconds: -1 } });
    await assert.rejects(
      wrong,
      (error) =>
        error instanceof api.SettingsError &&
        error.problems[0]?.property === "probe.timeoutSeconds",
    );
    assert.equal(await settingsFile(), before);
    await open({ probe: { timeoutSeconds: 11 } });
    assert.match(
      await settingsFile(),
      /probe:\n\s+"?role"?: "?kiam-probe"?\n\s+timeoutSeconds: 11/,
    );
  });

  it("says which stack is not there", () =>
    assert.rejects(
      api.openStack({ stack: "elsewhere", directory: cluster.directory }),
      (error) => error instanceof api.ContactError && error.contact.code === "stack-missing",
    ));

  it("makes a stack where it is told to, and leaves none where its settings are wrong", async () => {
    const fresh = { stack: "fresh", directory: cluster.directory, create: true };
    const file = path.join(cluster.directory, "Pulumi.fresh.yaml");
    const wrong = api.openStack({ ...fresh, settings: { probe: { timeoutSeconds: -1 } } });
    await assert.rejects(wrong, api.SettingsError);
    assert.ok(!existsSync(file));
    const stacks = async () => {
      const words = ["stack", "ls", "--json"];
      const { stdout } = await execa("pulumi", words, { cwd: cluster.directory });
      const listed = JSON.parse(stdout) as { name: string; current: boolean }[];
      return listed.map(({ name, current }) => [name, current]);
    };
    const before = await stacks();
    assert.deepEqual(before, [["test", false]]);
    const kiam = { region: "us-east-1" };
    const settings: api.SomeSettings = {
      stage: "prepare",
      kiam,
      iam: { masterRoleName: "masters" },
    };
    await api.openStack({ ...fresh, settings });
    assert.deepEqual(await stacks(), [["fresh", false], ...before], "it selects none");
    assert.match(await readFile(file, "utf8"), /encryptionsalt: .*\n[^]*:stage: prepare/);
    // As one that is there.
    assert.equal((await api.openStack({ ...fresh })).stackName, "fresh");
  });

  it("proposes what namespaces have to permit, and writes it where that is approved", async () => {
    const ssh = { agentSocketPath: "/nonexistent/agent" };
    await cluster.open({ namespaces: {}, ssh });
    const { done, proposals, written } = await api.permitted(stack);
    assert.deepEqual([done, proposals.length, written], [false, 1, undefined]);
    const before = await settingsFile();
    await assert.rejects(api.permitted(stack, { approve: () => false }), api.NotApprovedError);
    assert.equal(await settingsFile(), before);
    const approved = await api.permitted(stack, {
      approve: (shown) => shown.proposals[0]?.namespace === "orders",
    });
    assert.equal(approved.done, true);
    assert.match(await settingsFile(), /role\/app-orders/);
    await cluster.open({ ssh });
  });

  it("writes no trust of a role that is not there, and says so for each role", async () => {
    const shown = await api.trust(stack);
    assert.deepEqual([shown.done, shown.applied], [false, undefined]);
    await assert.rejects(
      api.trust(stack, { approve: true }),
      (error) =>
        error instanceof api.NotWrittenError &&
        error.written.length === 0 &&
        error.failed.some(
          ({ what, message }) => /app-orders$/.test(what) && /there is no role/.test(message),
        ),
    );
    await assert.rejects(
      api.trust(stack, { removeWorkers: true }),
      (error) => error instanceof api.TrustRefusedError && error.reason === "not-retired",
    );
  });

  it("does nothing that was not approved, or is to stop by then", async () => {
    const move = (approve: api.Approve<api.PlannedUpdates>, signal?: AbortSignal) =>
      api.migrate(stack, { to: "prepare", ssh: false, approve, signal });
    await assert.rejects(
      move("0123456789ab"),
      (error) => error instanceof api.OtherPlanError && /^[0-9a-f]{12}$/.test(error.planId),
    );
    const stop = new AbortController();
    const stopping = move(() => {
      stop.abort();
      return true;
    }, stop.signal);
    await assert.rejects(
      stopping,
      (error) => error instanceof api.StoppedError && error.at === "prepare",
    );
    await assert.rejects(move(true, AbortSignal.abort()), api.StoppedError);
    const blocked = api.plan(stack, { to: "retire", ssh: false });
    await assert.rejects(
      blocked,
      (error) =>
        error instanceof api.BlockedError &&
        error.findings.some(({ code }) => code === "host-key-unknown"),
    );
  });

  it("stops an update in order, and tells what that had done", async () => {
    const stop = new AbortController();
    const { signal } = stop;
    // What is under way comes to its end: that may be all of the first stage.
    const options = { to: "server", iam: false, ssh: false, approve: true, signal } as const;
    const move = api.migrate(stack, options);
    const events: MigrationEvent[] = [];
    await assert.rejects(
      async () => {
        for await (const event of move) {
          events.push(event);
          if (event.type === "resource") stop.abort();
        }
      },
      (error) => error instanceof api.StoppedError && error.steps.length + error.moves.length > 0,
    );
    const types = events.flatMap(({ type }) => (type === "step" || type === "note" ? [] : [type]));
    assert.deepEqual(types.slice(0, 3), ["planned", "stage-begun", "resource"]);
    const { update } = await api.status(stack);
    assert.equal(update.at, "rest");
  });

  /** An example, as the docs say that it is run. */
  const example = (name: string, ...args: string[]) =>
    execa(process.execPath, [path.join(checkout, "examples", name), ...args], {
      cwd: cluster.directory,
      reject: false,
    });

  it("moves a cluster there and back by a script of 30 lines", async () => {
    const { stdout, stderr, exitCode } = await example("wholeMove.mts", "test", "prepare");
    assert.equal(exitCode, 0, stdout + stderr);
    assert.match(stdout, /^\d+ findings, 0 in the way\nplan [0-9a-f]{12}: prepare\n/);
    assert.match(stdout, /at stage prepare\n\d+ workers, nothing left to do\n/);
    assert.match(stdout, /Stack test is as before the migration\.$/);
    const script = await readFile(path.join(checkout, "examples/wholeMove.mts"), "utf8");
    assert.ok(script.split("\n").length <= 31);
  });

  it("audits into a file of JSON, and says what is new", async () => {
    const reports = path.join(cluster.directory, "reports");
    const night = await example("nightlyAudit.mts", reports, "test");
    assert.equal(night.exitCode, 1, night.stderr);
    assert.match(night.stdout, /^test: host-key-unknown on node\/worker-1$/m);
    const report = JSON.parse(
      await readFile(path.join(reports, "test.json"), "utf8"),
    ) as AuditReport;
    assert.deepEqual([report.stack, report.stage], ["test", "retire"]);
  });
});
