import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";
import { parse } from "yaml";

/*
 * The workflows that operators use: who may run them with which rights, and that what they call is
 * there. That GitHub accepts them is for actionlint to say (docs/contributing.md); neither runs them.
 */

const root = join(__dirname, "../..");
const workflowsDirectory = join(root, ".github/workflows");
const setUpDirectory = join(root, ".github/actions/set-up");

interface Step {
  name?: string;
  uses?: string;
  run?: string;
  shell?: string;
  with?: Record<string, string | number | boolean>;
  env?: Record<string, string>;
}

interface Job {
  name?: string;
  if?: string;
  needs?: string;
  "runs-on": string;
  environment: string;
  concurrency: { group: string; "cancel-in-progress": boolean };
  permissions: Record<string, string>;
  strategy?: { matrix: { stack: string[] } };
  steps: Step[];
}

interface Workflow {
  on: Record<string, unknown>;
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

interface Action {
  inputs: Record<string, { required: boolean }>;
  runs: { using: string; steps: Step[] };
}

const text = (path: string) => readFileSync(path, "utf8");
const workflow = (name: string) => parse(text(join(workflowsDirectory, name))) as Workflow;
const setUp = parse(text(join(setUpDirectory, "action.yml"))) as Action;
const files = [
  ...readdirSync(workflowsDirectory).map((name) => join(workflowsDirectory, name)),
  join(setUpDirectory, "action.yml"),
];
const workflows = readdirSync(workflowsDirectory).map((file) => ({ file, ...workflow(file) }));
const jobs = workflows.flatMap(({ file, jobs: all }) =>
  Object.entries(all).map(([id, job]) => ({ id: `${file}: ${id}`, job })),
);
const stacks = readdirSync(join(root, "stacks"))
  .filter((name) => !name.startsWith("Pulumi.lab"))
  .map((name) => name.replace(/^Pulumi\.(.*)\.yaml$/, "$1"))
  .sort();

describe("the workflows", () => {
  it("pin every action of others by its commit, and say which version that is", () => {
    const used = files.flatMap((file) => text(file).match(/^.*\buses:.*$/gm) ?? []);
    assert.ok(used.length >= 7);
    for (const line of used) {
      assert.match(line, /uses: (\.\/\S+|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
    }
  });

  it("give a job the rights that it needs, and no more", () => {
    for (const { permissions } of workflows) assert.deepEqual(permissions, {});
    const rights = Object.fromEntries(jobs.map(({ id, job }) => [id, job.permissions]));
    assert.deepEqual(rights, {
      "preview.yml: preview": {
        contents: "read",
        "id-token": "write",
        "pull-requests": "write",
      },
      "update.yml: staging": { contents: "read", "id-token": "write" },
      "update.yml: production": { contents: "read", "id-token": "write" },
    });
  });

  it("never run a fork's code inside the network", () => {
    for (const { on } of workflows) {
      assert.ok(!("pull_request_target" in on || "workflow_run" in on));
    }
    for (const { jobs: all } of workflows.filter(({ on }) => "pull_request" in on)) {
      for (const job of Object.values(all)) {
        assert.match(
          job.if ?? "",
          /&& github\.event\.pull_request\.head\.repo\.full_name == github\.repository$/,
        );
      }
    }
  });

  it("start on no runner before the operator names one", () => {
    for (const { id, job } of jobs) {
      if (job.needs !== undefined) continue;
      assert.match(job.if ?? "", /^vars\.KIAM_(PREVIEW|UPDATE)_RUNNER != ''/, id);
    }
  });

  it("put no text of a pull request into a script, and leave no token in the checkout", () => {
    const steps = [...jobs.flatMap(({ job }) => job.steps), ...setUp.runs.steps];
    for (const { run, uses, with: given } of steps) {
      assert.doesNotMatch(run ?? "", /\$\{\{/);
      if (uses?.startsWith("actions/checkout@")) {
        assert.equal(given?.["persist-credentials"], false);
      }
    }
  });

  it("preview every stack in an environment of its own, a newer commit's in place of an older's", () => {
    const { preview } = workflow("preview.yml").jobs;
    assert.deepEqual([...(preview?.strategy?.matrix.stack ?? [])].sort(), stacks);
    assert.equal(preview?.environment, "${{ matrix.stack }}-preview");
    // docs/pull-requests.md has these checks required.
    assert.equal(preview?.name, "preview ${{ matrix.stack }}");
    assert.match(preview?.concurrency.group ?? "", /matrix\.stack.*pull_request\.number/);
    assert.equal(preview?.concurrency["cancel-in-progress"], true);
  });

  it("update one stack after the other, each in its environment, and cut no update off", () => {
    const { jobs: updates } = workflow("update.yml");
    assert.deepEqual(Object.keys(updates).sort(), stacks);
    assert.equal(updates.production?.needs, "staging");
    for (const [stack, job] of Object.entries(updates)) {
      assert.equal(job.environment, stack);
      assert.deepEqual(job.concurrency, { group: `update-${stack}`, "cancel-in-progress": false });
      const up = job.steps.at(-1);
      assert.equal(up?.env?.STACK, stack);
      // exec: GitHub tells only a step's first process that it is to stop.
      assert.match(up?.run ?? "", /^exec pulumi up --stack "\$STACK" --yes .*--non-interactive/);
    }
  });

  it("give the set-up all that it asks for, and nothing that it does not know", () => {
    const known = Object.keys(setUp.inputs).sort();
    const calls = jobs.flatMap(({ job }) =>
      job.steps.filter(({ uses }) => uses === "./.github/actions/set-up"),
    );
    assert.equal(calls.length, jobs.length);
    for (const call of calls) assert.deepEqual(Object.keys(call.with ?? {}).sort(), known);
  });

  it("install the Pulumi and the Node.js that the program is tested with", () => {
    const { devDependencies, engines } = JSON.parse(text(join(root, "package.json"))) as {
      devDependencies: Record<string, string>;
      engines: { node: string };
    };
    const given = (action: string) =>
      setUp.runs.steps.find(({ uses }) => uses?.startsWith(`${action}@`))?.with;
    assert.equal(given("pulumi/actions")?.["pulumi-version"], devDependencies.pulumi);
    assert.equal(given("pulumi/actions")?.command, undefined, "it only installs");
    const node = String(given("actions/setup-node")?.["node-version"]);
    assert.match(engines.node, new RegExp(`^>=${node}\\.`));
  });
});

describe("GitLab's pipeline in docs/pull-requests.md", () => {
  interface GitlabJob {
    rules?: { if: string; when?: string }[];
    resource_group?: string;
    needs?: string[];
    script?: string[];
    environment?: { name: string } | string;
  }
  const [, block = ""] =
    /```yaml\n(# \.gitlab-ci\.yml\n[^]*?)```/.exec(text(join(root, "docs/pull-requests.md"))) ?? [];
  const pipeline = parse(block) as Record<string, GitlabJob>;

  it("brings the Pulumi that the program is tested with", () => {
    const { devDependencies } = JSON.parse(text(join(root, "package.json"))) as {
      devDependencies: Record<string, string>;
    };
    assert.ok(block.includes(`pulumi/pulumi-nodejs-22:${devDependencies.pulumi},`));
  });

  it("has the same jobs: previews of merge requests but a fork's, updates one after the other", () => {
    const { preview, staging, production } = pipeline;
    assert.match(preview?.rules?.[0]?.if ?? "", /SOURCE_PROJECT_ID == \$CI_PROJECT_ID/);
    assert.match(preview?.script?.join("\n") ?? "", /npx kiam-migrate pull-request .*--post/);
    assert.deepEqual(production?.needs, ["staging"]);
    assert.equal(production?.rules?.[0]?.when, "manual");
    for (const [stack, job] of Object.entries({ staging, production })) {
      assert.equal(job?.resource_group, `update-${stack}`);
      assert.match(job?.rules?.[0]?.if ?? "", /CI_COMMIT_BRANCH == \$CI_DEFAULT_BRANCH/);
    }
  });
});

describe("the set-up's kubeconfig", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "kiam-kubeconfig-"));
    writeFileSync(join(directory, "env"), "");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const run = (env: Record<string, string>) =>
    execa(join(setUpDirectory, "kubeconfig.sh"), {
      env: { RUNNER_TEMP: directory, GITHUB_ENV: join(directory, "env"), ...env },
    });

  it("is the secret's text, for the job alone, and later steps find it", async () => {
    await run({ KUBECONFIG_TEXT: "apiVersion: v1\nkind: Config" });
    const file = join(directory, "kubeconfig");
    assert.equal(text(file), "apiVersion: v1\nkind: Config\n");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(text(join(directory, "env")), `KUBECONFIG=${file}\n`);
  });

  it("is the runner's own without that secret", async () => {
    await run({ KUBECONFIG_TEXT: "" });
    assert.deepEqual(readdirSync(directory), ["env"]);
    assert.equal(text(join(directory, "env")), "");
  });
});
