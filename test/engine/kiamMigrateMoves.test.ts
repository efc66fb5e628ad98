import assert from "node:assert/strict";
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { CoreV1Api } from "@kubernetes/client-node";

import { silentProgress } from "../../automation/progress.js";
import { kiamMigrate } from "../../cli/main.js";
import type { MoveAnswer } from "../../automation/move/moveAnswer.js";
import type { RecoverAnswer } from "../../automation/recover/recoverKnowingly.js";
import type { StatusAnswer } from "../../automation/look/statusOfStack.js";
import type { PlanPreview } from "../../migration/preview/planPreview.js";
import { upUntilKilled } from "../faults/killEngine.js";
import { FakeNodes } from "../gates/fakeNodes.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { limit } from "./limit.js";

/*
 * The commands that move a stack, with a terminal that answers as it is told to, on the real engine,
 * a real API server and the lab's IAM. No controller runs there: stage prepare can be reached, and
 * stage server fails at its gate. All stages are for test/embedded.
 */

describe("kiam-migrate moves a stack", function () {
  this.timeout(limit);
  let cluster: ClusterOfApis;
  let environment: NodeJS.ProcessEnv | undefined;

  before("API server, IAM, engine and a stack", async function () {
    environment = { ...process.env };
    cluster = await startClusterOfApis(this);
    Object.assign(process.env, cluster.environment, {
      XDG_CACHE_HOME: path.join(cluster.directory, "cache"),
    });
    await cluster.open({ probe: { role: "kiam-probe", timeoutSeconds: 10 } });
    await appendFile(file("Pulumi.test.yaml"), "# a comment of the operator's\n");
  });

  after("stop what was started", async () => {
    await cluster?.dispose();
    if (environment === undefined) return;
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, environment);
  });

  const file = (name: string) => path.join(cluster.directory, name);
  const text = (name: string) => readFile(file(name), "utf8");

  /** @param answer what is typed at the question; undefined where there is no terminal */
  async function run(args: string, answer?: string) {
    const answers: string[] = [];
    const notes: string[] = [];
    const words = [...args.split(" "), "--cwd", cluster.directory];
    if (!words.includes("--stack")) words.push("--stack", "test");
    const exitCode = await kiamMigrate(words, {
      answer: (said) => void answers.push(said),
      progress: { ...silentProgress, note: (said) => void notes.push(said) },
      ...(answer === undefined ? {} : { ask: () => Promise.resolve(answer) }),
    });
    // Every command to type next has this: the tests are not run there.
    const where = ` --cwd ${cluster.directory}`;
    const commands = answers.join("\n").match(/^( {2}|\s+")kiam-migrate .*/gm) ?? [];
    for (const command of commands) assert.ok(command.includes(where), command);
    const stdout = answers.join("\n").replaceAll(where, "");
    return { exitCode, stdout, stderr: notes.join("\n") };
  }

  async function runJson<Answer>(args: string, answer?: string) {
    const { exitCode, stdout, stderr } = await run(`${args} --json`, answer);
    assert.notEqual(stdout, "", stderr);
    return { exitCode, answer: JSON.parse(stdout) as Answer, stderr };
  }

  /** Of worker-1. */
  async function whoAnswers(args: string) {
    const { answer } = await runJson<StatusAnswer>(args);
    const worker = answer.workers.find(({ name }) => name === "worker-1");
    return worker?.answering ?? assert.fail("worker-1 is not shown");
  }

  it("shows a stack that was never updated, and what to type", async () => {
    const { exitCode, answer } = await runJson<StatusAnswer>("status");
    assert.equal(exitCode, 1);
    assert.deepEqual([answer.stage.settings, answer.stage.reached], ["prepare", undefined]);
    assert.equal(answer.workers.find(({ name }) => name === "worker-1")?.answering.who, "nobody");
    const { stdout } = await run("status");
    assert.match(stdout, /by its state: nothing yet/);
    assert.match(stdout, /Next:\n {2}kiam-migrate migrate --stack test --to prepare/);
    const asked = await whoAnswers("status --ask");
    assert.deepEqual([asked.who, asked.by], ["unclear", "asked"]);
    assert.match(asked.seen ?? "", /could not be asked: .*namespaces "kiam" not found/);
  });

  it("does nothing that was not approved", async () => {
    for (const [args, typed, outcome] of [
      ["--yes --approve 0123456789ab", "y", "other-plan"],
      ["", "n", "declined"],
    ] as const) {
      const { exitCode, answer, stderr } = await runJson<MoveAnswer>(
        `migrate --to prepare --no-ssh ${args}`.trim(),
        typed,
      );
      assert.equal(exitCode, 1);
      assert.deepEqual([answer.outcome, answer.moves], [outcome, []]);
      assert.match(answer.said, /Nothing was touched/);
      assert.deepEqual(answer.next, [
        `kiam-migrate migrate --stack test --to prepare --approve ${answer.planId}`,
      ]);
      assert.match(stderr, new RegExp(`plan id {3}${answer.planId}`), "the plan was shown");
    }
  });

  it("carries out the plan that was approved, and leaves all files as they are", async () => {
    const files = [await text("Pulumi.test.yaml"), await text("Pulumi.yaml")];
    const shown = await runJson<PlanPreview>("plan --to prepare --no-ssh");
    const { planId, stages, command } = shown.answer.move ?? {};
    assert.deepEqual(stages, ["prepare"]);
    assert.equal(command, "kiam-migrate migrate --stack test --to prepare");
    const { exitCode, answer, stderr } = await runJson<MoveAnswer>(
      `migrate --to prepare --no-ssh --approve ${planId}`,
    );
    assert.equal(exitCode, 0, answer.said + stderr);
    assert.deepEqual(
      answer.moves.map(({ at }) => at),
      ["prepare"],
    );
    assert.ok(answer.moves[0]?.steps.includes("create Namespace kiam"));
    assert.deepEqual([await text("Pulumi.test.yaml"), await text("Pulumi.yaml")], files);
    const status = await runJson<StatusAnswer>("status --watch");
    assert.equal(status.exitCode, 0, "nothing is left, so that it does not go on watching");
    assert.deepEqual([status.answer.done, status.answer.stage.reached], [true, "prepare"]);
  });

  it("has a pod on each worker ask who answers, and leaves none", async () => {
    const kubelets = new FakeNodes(cluster.api.config);
    kubelets.nodes.set("worker-1", {
      ...{ name: "worker-1", hostIp: "10.0.0.11", rules: [], connections: [], verdict: "right" },
      ...{ answers: "kube2iam", lost: false, stuck: new Set() },
    });
    kubelets.start();
    try {
      const { who, by, seen } = await whoAnswers("status --ask");
      assert.deepEqual([who, by], ["kube2iam", "asked"]);
      assert.match(seen ?? "", /ping of kube2iam/);
    } finally {
      await kubelets.stop();
    }
    const core = cluster.api.config.makeApiClient(CoreV1Api);
    assert.deepEqual((await core.listNamespacedPod({ namespace: "kiam" })).items, []);
  });

  it("stops at the first failure, sets the stage's line alone, and says how to go on", async () => {
    const was = await text("Pulumi.test.yaml");
    const { exitCode, stdout, stderr } = await run("migrate --to server --no-ssh --no-iam --yes");
    assert.equal(exitCode, 3, stdout + stderr);
    assert.match(stderr, /── stage server \(1 of 1\) ──/);
    assert.match(stdout, /What had moved keeps working/);
    assert.match(
      stdout,
      /Next:\n {2}kiam-migrate migrate --stack test --to server\n {2}kiam-migrate rollback --stack test --to prepare\n {2}kiam-migrate status --stack test$/,
    );
    assert.equal(
      await text("Pulumi.test.yaml"),
      was.replace(/stage: "?prepare"?/, "stage: server"),
    );
    const { answer } = await runJson<StatusAnswer>("status");
    assert.deepEqual(answer.stage, { settings: "server", reached: "prepare", begun: "server" });
  });

  it("goes back by a command of its own, and then has nothing to go back from", async () => {
    const wrong = await run("migrate --to prepare --no-ssh --yes");
    assert.equal(wrong.exitCode, 2);
    assert.match(wrong.stderr, /kiam-migrate rollback --stack test --to prepare/);
    assert.equal((await run("status --ask --watch")).exitCode, 2);
    for (const args of ["rollback", "rollback --all --to agent"]) {
      const { exitCode, stderr } = await run(args);
      assert.equal(exitCode, 2);
      assert.match(stderr, /Either --to STAGE, or --all/);
    }
    const back = await runJson<MoveAnswer>("rollback --to prepare", "y");
    assert.equal(back.exitCode, 0, back.answer.said);
    assert.ok(back.answer.moves[0]?.steps.includes("delete DaemonSet kiam-server"));
    assert.match(await text("Pulumi.test.yaml"), /stage: prepare/);
    const again = await runJson<MoveAnswer>("rollback --to prepare", "y");
    assert.deepEqual([again.exitCode, again.answer.outcome], [0, "nothing-to-do"]);
  });

  it("recovers from a killed engine knowingly, and only then moves", async () => {
    const at = { operation: "create", name: "kiam-server-verified", delayMs: 500 };
    const stack = await cluster.open({ probe: { role: "kiam-probe", timeoutSeconds: 10 } });
    assert.equal((await upUntilKilled(stack, "server", at)).killed, true);

    const cut = await runJson<StatusAnswer>("status");
    assert.deepEqual([cut.exitCode, cut.answer.update.at], [1, "cut-short"]);
    assert.match(cut.answer.update.said ?? "", /creating gate kiam-server-verified/);
    assert.deepEqual(cut.answer.next, ["kiam-migrate recover --stack test"]);
    const refused = await runJson<MoveAnswer>("migrate --to server --no-ssh --no-iam --yes");
    assert.deepEqual([refused.exitCode, refused.answer.outcome], [3, "cut-short"]);
    assert.deepEqual(refused.answer.next, ["kiam-migrate recover --stack test"]);

    await refusesToRecover();

    const declined = await runJson<RecoverAnswer>("recover");
    assert.deepEqual([declined.exitCode, declined.answer.outcome], [1, "declined"]);
    assert.match(declined.answer.left.join("\n"), /creating gate kiam-server-verified/);
    const recovered = await run("recover", "y");
    assert.equal(recovered.exitCode, 0, recovered.stdout);
    assert.match(recovered.stdout, /Next:\n {2}kiam-migrate migrate --stack test --to server/);
    const nothing = await runJson<RecoverAnswer>("recover");
    assert.deepEqual([nothing.exitCode, nothing.answer.outcome], [0, "nothing-to-do"]);
  });

  /** What keeps the killed update from being cleared, on its lock and its state. */
  async function refusesToRecover() {
    const project = ".pulumi/%/kube2iam-to-kiam";
    const locks = file(project.replace("%", "locks/organization") + "/test");
    const lock = path.join(
      locks,
      (await readdir(locks)).find((name) => name.endsWith(".json"))!,
    );
    await withContent(lock, { hostname: "another-host" }, async () => {
      const { exitCode, answer } = await runJson<RecoverAnswer>("recover --yes");
      assert.deepEqual([exitCode, answer.outcome], [3, "locked"]);
      assert.match(answer.said, /on host another-host, .*\n.*whether it still runs can't be told/);
      assert.deepEqual(answer.next, ["kiam-migrate status --stack test --watch"]);
      assert.equal((await runJson<StatusAnswer>("status")).answer.update.at, "running");
    });
    const state = file(project.replace("%", "stacks") + "/test.json");
    const { checkpoint } = JSON.parse(await readFile(state, "utf8")) as {
      checkpoint: { latest: { pending_operations: { resource: { urn: string } }[] } };
    };
    for (const { resource } of checkpoint.latest.pending_operations) {
      resource.urn = resource.urn.replace("kiam-server-verified", "worker-1-cutover-removal");
    }
    const kubeconfig = process.env.KUBECONFIG;
    await withContent(state, { checkpoint }, async () => {
      process.env.KUBECONFIG = file("no-kubeconfig");
      const { exitCode, answer } = await runJson<RecoverAnswer>("recover --yes");
      assert.deepEqual([exitCode, answer.outcome], [3, "refused"]);
      assert.deepEqual(answer.workers, ["worker-1"]);
      assert.match(answer.said, /Not recovered:\n {2}worker-1 can't be looked at: /);
      assert.deepEqual(answer.next[1], "kiam-migrate recover --stack test");
    });
    process.env.KUBECONFIG = kubeconfig;
  }

  /** Runs something while a file of JSON says something else. */
  async function withContent(name: string, change: object, work: () => Promise<void>) {
    const before = await readFile(name, "utf8");
    await writeFile(name, JSON.stringify({ ...(JSON.parse(before) as object), ...change }));
    await work();
    await writeFile(name, before);
  }

  it("takes everything away, stage by stage", async () => {
    const { exitCode, answer } = await runJson<MoveAnswer>("rollback --all --yes");
    assert.equal(exitCode, 0, answer.said);
    assert.deepEqual(
      answer.moves.map(({ at }) => at),
      ["prepare", "nothing"],
    );
    const status = await runJson<StatusAnswer>("status");
    assert.deepEqual([status.answer.stage.begun, status.answer.update.at], [undefined, "rest"]);
  });

  it("says that a stack is not there, with exit code 3", async () => {
    for (const name of ["recover", "rollback --all"]) {
      const { exitCode, stderr, stdout } = await run(`${name} --stack elsewhere`);
      assert.equal(exitCode, 3, stdout);
      assert.match(stderr, /elsewhere/);
    }
  });
});
