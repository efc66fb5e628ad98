import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { execa } from "execa";

import { pendingChanges } from "../../automation/moveTo.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { requireEngine } from "./engine.js";
import { limit } from "./limit.js";

/*
 * What goes wrong in the first five minutes, as a person meets it: kiam-migrate as a process, on the
 * real engine, and the Pulumi program beside it. The cases that need no engine are in
 * test/cluster/kubernetes/reaching.test.ts, all of them in test/migration/contact/contact.test.ts.
 */

const checkout = path.resolve(__dirname, "../..");
const command = path.join(checkout, "bin/kiam-migrate.mjs");

/** One message: the case, then where, why and what to do, and no trace of the code. */
function assertSaysOnce(stderr: string, code: string): void {
  assert.equal(stderr.split(`[${code}]`).length, 2, `[${code}] once in:\n${stderr}`);
  assert.match(stderr, /^ {2}where: /m);
  assert.match(stderr, /^ {2}why it matters: /m);
  assert.match(stderr, /^ {2}what to do: /m);
  assert.doesNotMatch(stderr, /^ +at .*[:(]\d+/m, "no stack trace");
}

async function kiamMigrate(args: string[], env: Record<string, string | undefined>) {
  const run = await execa(process.execPath, [command, ...args], {
    env: { ...process.env, ...env } as Record<string, string>,
    extendEnv: false,
    reject: false,
  });
  return { stdout: run.stdout, stderr: run.stderr, exitCode: run.exitCode };
}

describe("first contact: pulumi", function () {
  this.timeout(limit);
  let engine: string;
  let directory: string;
  let environment: Record<string, string>;

  before("the stacks of this repository, on a backend of one's own", async function () {
    engine = path.join(requireEngine(this), "bin");
    directory = await mkdtemp(path.join(tmpdir(), "kiam-first-contact-"));
    await cp(path.join(checkout, "Pulumi.yaml"), path.join(directory, "Pulumi.yaml"));
    await cp(path.join(checkout, "stacks"), path.join(directory, "stacks"), { recursive: true });
    environment = {
      PATH: [engine, "/usr/bin", "/bin"].join(path.delimiter),
      PULUMI_BACKEND_URL: `file://${directory}`,
      PULUMI_HOME: path.join(directory, "home"),
      PULUMI_CONFIG_PASSPHRASE: "one's own",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
    const pulumi = (...args: string[]) =>
      execa(path.join(engine, "pulumi"), args, { cwd: directory, env: environment });
    await pulumi("stack", "init", "staging");
    await pulumi("stack", "init", "secret");
    await pulumi("config", "set", "--stack", "secret", "--secret", "--path", "ssh.privateKey", "k");
  });

  after(async () => {
    if (directory) await rm(directory, { recursive: true });
  });

  const audit = (stack: string, change: Record<string, string | undefined> = {}, cwd = directory) =>
    kiamMigrate(["audit", "--stack", stack, "--cwd", cwd], { ...environment, ...change });

  async function refused(code: string, run: ReturnType<typeof audit>): Promise<string> {
    const { exitCode, stderr, stdout } = await run;
    assert.equal(exitCode, 3, stderr);
    assert.equal(stdout, "");
    assertSaysOnce(stderr, code);
    return stderr;
  }

  it("there is none", async () => {
    const empty = path.join(directory, "empty");
    await mkdir(empty);
    await refused("pulumi-missing", audit("staging", { PATH: empty }));
  });

  it("none is installed, and the npm package cannot fetch it", async () => {
    const bin = path.join(directory, "node_modules/.bin");
    await mkdir(bin, { recursive: true });
    await cp(path.join(checkout, "node_modules/pulumi"), path.join(bin, "../pulumi"), {
      recursive: true,
    });
    await symlink("../pulumi/run.js", path.join(bin, "pulumi"));
    // There is no such version, wherever it is looked for.
    const version = { PULUMI_VERSION: "0.0.0" };
    const node = path.dirname(process.execPath);
    const shadowed = [bin, node, "/usr/bin", "/bin"];
    const stderr = await refused(
      "pulumi-not-fetched",
      audit("staging", { ...version, PATH: shadowed.join(path.delimiter) }),
    );
    assert.match(stderr, /pulumi: /);
    // The same, with one that is installed behind it on the PATH, as npx has it.
    const installed = [bin, node, engine, "/usr/bin", "/bin"].join(path.delimiter);
    await refused("stack-missing", audit("elsewhere", { ...version, PATH: installed }));
  });

  it("not logged in", async () => {
    const backend = { PULUMI_BACKEND_URL: undefined, PULUMI_ACCESS_TOKEN: undefined };
    const stderr = await refused("pulumi-not-logged-in", audit("staging", backend));
    assert.match(stderr, /what to do: pulumi login/);
  });

  it("no such stack", async () => {
    const stderr = await refused("stack-missing", audit("elsewhere"));
    assert.match(stderr, /pulumi stack init elsewhere/);
  });

  it("another passphrase than the stack's, or none", async () => {
    const wrong = audit("secret", { PULUMI_CONFIG_PASSPHRASE: "another" });
    await refused("passphrase-wrong", wrong);
    await refused("passphrase-missing", audit("secret", { PULUMI_CONFIG_PASSPHRASE: undefined }));
  });

  it("no Pulumi.yaml there, or no such directory", async () => {
    const elsewhere = await mkdtemp(path.join(tmpdir(), "kiam-elsewhere-"));
    await refused("project-missing", audit("staging", {}, elsewhere));
    await rm(elsewhere, { recursive: true });
    await refused("directory-missing", audit("staging", {}, elsewhere));
  });

  it("settings left as in the example", async () => {
    const { exitCode, stderr } = await audit("staging");
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, /The settings have \d+ problems; nothing was touched/);
    assert.match(stderr, /iam\.masterRoleName .*is the example's/);
    assert.match(stderr, /namespaces\.orders\.permitted .*is the example's/);
    assert.doesNotMatch(stderr, /^ +at /m);
  });
});

describe("first contact: the cluster", function () {
  this.timeout(limit);
  let cluster: ClusterOfApis;
  let directory: string;

  before("API server, IAM and engine", async function () {
    cluster = await startClusterOfApis(this);
    await cluster.open();
    directory = await mkdtemp(path.join(tmpdir(), "kiam-first-contact-"));
  });

  after(async () => {
    await cluster?.dispose();
    if (directory) await rm(directory, { recursive: true });
  });

  const run = (name: string, env: Record<string, string | undefined>) =>
    kiamMigrate([name, "--stack", "test", "--cwd", cluster.directory], {
      ...cluster.environment,
      ...env,
    });

  /** A kubeconfig for the cluster with other credentials. */
  async function kubeconfig(token: string): Promise<string> {
    const file = path.join(directory, "kubeconfig");
    const at = cluster.api.config.getCurrentCluster()?.server;
    await writeFile(
      file,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "c", cluster: { server: at, "insecure-skip-tls-verify": true } }],
        users: [{ name: "me", user: { token } }],
        contexts: [{ name: "staging", context: { cluster: "c", user: "me" } }],
        "current-context": "staging",
      }),
    );
    return file;
  }

  /** What the engine prints of the program's end, beside what kiam-migrate prints. */
  async function programSays(kubeconfigFile: string): Promise<string> {
    const before = process.env.KUBECONFIG;
    process.env.KUBECONFIG = kubeconfigFile;
    try {
      await pendingChanges(await cluster.open());
    } catch (error) {
      return String((error as Error).message);
    } finally {
      process.env.KUBECONFIG = before;
    }
    return assert.fail("the preview succeeded");
  }

  /** Every line of what kiam-migrate prints is in what the preview does. */
  async function bothSay(code: string, file: string): Promise<string> {
    const { exitCode, stderr, stdout } = await run("audit", { KUBECONFIG: file });
    assert.equal(exitCode, 3, stderr);
    assert.equal(stdout, "");
    assertSaysOnce(stderr, code);
    const message = stderr.slice(stderr.lastIndexOf("\n", stderr.indexOf(`[${code}]`)) + 1);
    const preview = await programSays(file);
    for (const line of message.trim().split("\n")) {
      assert.ok(preview.includes(line.trim()), `${line}\nin ${preview}`);
    }
    assert.doesNotMatch(preview, /\.ts:\d+/, "no stack trace");
    return stderr;
  }

  it("no kubeconfig", async () => {
    await bothSay("kubeconfig-missing", path.join(directory, "none"));
  });

  it("credentials that the API server does not know", async () => {
    const { exitCode, stderr } = await run("audit", { KUBECONFIG: await kubeconfig("expired") });
    assert.equal(exitCode, 3);
    assertSaysOnce(stderr, "kubernetes-unauthorized");
  });

  it("rights that are missing, all of them at once", async () => {
    const rbac = cluster.api.config.makeApiClient(RbacAuthorizationV1Api);
    const apiGroup = "rbac.authorization.k8s.io";
    const metadata = { name: "looks-at-nodes" };
    const rules = [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list"] }];
    await rbac.createClusterRole({ body: { metadata, rules } });
    await rbac.createClusterRoleBinding({
      body: {
        metadata,
        roleRef: { apiGroup, kind: "ClusterRole", name: metadata.name },
        subjects: [{ apiGroup, kind: "User", name: "user" }],
      },
    });
    const stderr = await bothSay("kubernetes-forbidden", await kubeconfig("user-token"));
    for (const what of ["listing pods: pods", "listing CronJobs: cronjobs.batch"]) {
      assert.ok(stderr.includes(`${what} is forbidden: User "user" cannot list resource`), stderr);
    }
    assert.match(stderr, /reading DaemonSet kube-system\/kube2iam: daemonsets\.apps/);
    assert.match(stderr, /reading secret kiam\/\S+: |listing namespaces: /);
    assert.doesNotMatch(stderr, /listing nodes/);
  });

  it("no AWS credentials, wrong ones, and those of another account", async () => {
    const none = {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_EC2_METADATA_DISABLED: "true",
      HOME: directory,
    };
    const missing = await run("trust", none);
    assert.equal(missing.exitCode, 3, missing.stderr);
    assertSaysOnce(missing.stderr, "aws-credentials-missing");
    const wrong = await run("trust", { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE" });
    assertSaysOnce(wrong.stderr, "aws-credentials-refused");
    await cluster.open({
      kiam: { region: "us-east-1", roleBaseArn: "arn:aws:iam::210987654321:role/" },
    });
    const other = await run("trust", {});
    await cluster.open();
    assertSaysOnce(other.stderr, "aws-other-account");
    const proposed = await run("permitted", none);
    assertSaysOnce(proposed.stderr, "aws-credentials-missing");
    assert.match(proposed.stdout, /^# No pod uses a role/, "it answers all the same");
  });
});
