import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { execa } from "execa";

import type { PullRequestAnswer } from "../../cli/pullRequest/pullRequestAnswer.js";
import { startForge, type Forge } from "../../lab/standins/forge/forge.js";
import { githubNumber, githubRepository } from "../../lab/standins/forge/github.js";
import { runWorkflowStep } from "../support/workflowStep.js";
import { startClusterOfApis, type ClusterOfApis } from "./clusterOfApis.js";
import { limit } from "./limit.js";

/*
 * `kiam-migrate pull-request` as a job runs it: the process, a real API server, IAM and engine, and a
 * stand-in for GitHub's comments. Here the engine has no host for Node.js programs, so its preview
 * fails for real; one that succeeds is a recorded text, in place of `pulumi preview` alone.
 */

const command = path.resolve(__dirname, "../../bin/kiam-migrate.mjs");
const bot = "github-actions[bot]";

describe("kiam-migrate pull-request", function () {
  this.timeout(limit);
  let cluster: ClusterOfApis;
  let forge: Forge;
  let job: Record<string, string>;

  before("API server, IAM, engine and a stand-in for GitHub", async function () {
    cluster = await startClusterOfApis(this);
    await cluster.open();
    forge = await startForge({ "the token": bot });
    const event = path.join(cluster.directory, "event.json");
    const head = { sha: "0123456789abcdef0123456789abcdef01234567" };
    await writeFile(event, JSON.stringify({ pull_request: { number: githubNumber, head } }));
    job = {
      ...cluster.environment,
      GITHUB_ACTIONS: "true",
      GITHUB_TOKEN: "the token",
      GITHUB_REPOSITORY: githubRepository,
      GITHUB_API_URL: forge.address,
      GITHUB_GRAPHQL_URL: `${forge.address}/graphql`,
      GITHUB_RUN_ID: "99",
      GITHUB_EVENT_PATH: event,
    };
  });

  after("stop what was started", async () => {
    await forge?.stop();
    await cluster?.dispose();
  });

  const run = (args: string[], env: Record<string, string>) =>
    execa(
      process.execPath,
      [command, "pull-request", "--stack", "test", "--cwd", cluster.directory, ...args],
      { env, reject: false },
    );

  const realPulumi = () => path.join(job.PATH?.split(path.delimiter)[0] ?? "", "pulumi");

  /** The job's environment with a pulumi whose preview prints this; all else is the real one's. */
  async function withPreview(text: string): Promise<Record<string, string>> {
    const directory = path.join(cluster.directory, "bin");
    await mkdir(directory, { recursive: true });
    const program = path.join(directory, "pulumi");
    await writeFile(`${program}.txt`, text);
    await writeFile(
      program,
      `#!/bin/sh\nif [ "$1" = preview ]; then cat "$0.txt"; else exec ${realPulumi()} "$@"; fi\n`,
    );
    await chmod(program, 0o755);
    return { ...job, PATH: [directory, job.PATH ?? ""].join(path.delimiter) };
  }

  it("comments that Pulumi's preview fails, and how, answers the same as JSON, and exits with 3", async () => {
    const { exitCode, stdout, stderr } = await run(["--no-ssh", "--post", "--json"], job);
    assert.equal(exitCode, 3, stderr);
    assert.match(
      stderr,
      /The comment was created: https:\/\/github\.com\/acme\/cluster\/pull\/12#/,
    );
    const answer = JSON.parse(stdout) as PullRequestAnswer;
    assert.equal(answer.pulumi.succeeded, false);
    assert.ok(answer.comment !== undefined && "action" in answer.comment);
    assert.equal(answer.comment.action, "created");
    assert.deepEqual(
      forge.comments.map(({ body }) => body),
      [answer.markdown],
    );
    assert.match(answer.markdown, /\*\*Do not merge: `pulumi preview` fails\.\*\*/);
    assert.match(answer.markdown, /\n.*error: /);
    assert.match(answer.markdown, /\| canary-1 \| `worker-1` \|/, "the plan is there all the same");
    assert.match(answer.markdown, /The audit did not look at: the workers over SSH/);
  });

  it("edits that comment once it succeeds, by the very script of the workflow's step", async () => {
    await cluster.open({ ssh: {} });
    const said = "Previewing update (test):\nResources:\n    + 3 to create\n";
    const { exitCode, stdout, stderr } = await runWorkflowStep(
      { file: "preview.yml", name: "audit, plan and pulumi preview, as a comment" },
      { cwd: cluster.directory, env: { ...(await withPreview(said)), STACK: "test" } },
    );
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /The comment was edited/);
    assert.equal(forge.comments.length, 1);
    assert.equal(forge.comments[0]?.body, stdout);
    assert.match(stdout, /\*\*Nothing stands in the way\.\*\* Pulumi: <code>\+ 3 to create</);
  });

  it("says what is in the way, exits with 1, and writes nothing without --post", async () => {
    await cluster.open({ stage: "cutover" });
    const before = forge.requests.length;
    const { exitCode, stdout } = await run(["--no-ssh"], await withPreview("error: refused\n"));
    await cluster.open();
    assert.equal(exitCode, 1);
    assert.match(stdout, /^<!-- kiam-migrate pull-request: test -->\n### kube2iam to kiam/);
    assert.match(stdout, /\*\*Do not merge: \d+ findings? in the way\.\*\*/);
    assert.match(stdout, /`host-key-unknown`/);
    assert.equal(forge.requests.length, before);
  });

  it("takes back what an earlier run said where nothing can be looked at", async () => {
    const away = { ...job, KUBECONFIG: path.join(cluster.directory, "none") };
    const { exitCode, stdout } = await run(["--post"], away);
    assert.equal(exitCode, 3);
    assert.equal(stdout, "");
    assert.equal(forge.comments.length, 1);
    assert.match(forge.comments[0]?.body ?? "", /\*\*Do not merge: it is not known what/);
  });

  it("is called by the pages with what it knows, and so is pulumi", async () => {
    const checkout = path.resolve(__dirname, "../..");
    const texts = await Promise.all(
      [
        ".github/workflows/preview.yml",
        ".github/workflows/update.yml",
        "docs/pull-requests.md",
      ].map((file) => readFile(path.join(checkout, file), "utf8")),
    );
    const helps = {
      "kiam-migrate pull-request": await run(["--help"], job),
      "pulumi up": await execa(realPulumi(), ["up", "--help"], { env: job }),
    };
    for (const [name, { stdout }] of Object.entries(helps)) {
      const calls = texts.flatMap((text) => text.match(new RegExp(`${name} .*--.*`, "g")) ?? []);
      assert.ok(calls.length >= 2, name);
      for (const option of calls.flatMap((call) => call.match(/--[a-z-]+/g) ?? [])) {
        assert.match(stdout, new RegExp(`${option}\\b`), `${name} ${option}`);
      }
    }
  });

  it("looks at nothing where there is no pull request, and fails where it may not comment", async () => {
    const noJob = { ...cluster.environment, GITHUB_ACTIONS: "", GITLAB_CI: "" };
    const nowhere = await run(["--post"], noJob);
    assert.equal(nowhere.exitCode, 2);
    assert.match(nowhere.stderr, /There is no pull request to comment on/);
    assert.doesNotMatch(nowhere.stderr, /looking at the cluster/);

    const environment = { ...(await withPreview("Previewing\n")), GITHUB_TOKEN: "another" };
    const refused = await run(["--no-ssh", "--post", "--json"], environment);
    assert.equal(refused.exitCode, 3);
    const { comment } = JSON.parse(refused.stdout) as PullRequestAnswer;
    assert.ok(comment !== undefined && "failed" in comment);
    assert.match(comment.failed, /answered 401: Bad credentials/);
  });
});
