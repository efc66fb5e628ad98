/*
 * What the tests of the embedded cluster do as its operator. Called in the operator's network
 * (lab/inOperatorNetwork.ts); arguments and results survive JSON.
 */
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

import {
  DeleteRolePolicyCommand,
  PutRolePolicyCommand,
  GetRolePolicyCommand,
} from "@aws-sdk/client-iam";

import { destroyAll, moveTo, pendingChanges } from "../../automation/moveTo.js";
import { silentProgress } from "../../automation/progress.js";
import { UpdateFailedError, type CompletedStep } from "../../automation/update/watchedUpdate.js";
import type { AuditAnswer } from "../../automation/look/auditStack.js";
import { kiamMigrate } from "../../cli/main.js";
import { adminIam } from "../../lab/aws/admin.js";
import { openCluster } from "../../lab/cluster/start.js";
import { readNatRules, systemsInOrder } from "../../lab/natRules.js";
import { handOver, labSettings, labStack, operatorEnvironment } from "../../lab/operator.js";
import type { Parts } from "../../lab/parts/types.js";
import { startForge } from "../../lab/standins/forge/forge.js";
import { githubNumber, githubRepository } from "../../lab/standins/forge/github.js";
import type { ForgeComment } from "../../lab/standins/forge/routes.js";
import { makeProduction } from "../../lab/workload/production.js";
import { readLabRecords } from "../../lab/workload/records.js";
import { applicationRoles } from "../../lab/workload/roles.js";
import { summarise, type Summary } from "../../lab/workload/summary.js";
import { runWorkflowStep } from "../support/workflowStep.js";
import type { Change } from "./mistakes.js";
import type { PlanPreview } from "../../migration/preview/planPreview.js";
import type { PodVerdict } from "../../migration/situation/podVerdicts.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import type { Stage } from "../../migration/stages.js";

export type Programs = Pick<Parts, "engine" | "plugins">;

async function open(programs: Programs, stage: Stage, change: Change) {
  const cluster = await openCluster();
  const environment = await operatorEnvironment(cluster);
  Object.assign(process.env, environment);
  const settings = await labSettings(cluster, stage);
  const changed = {
    ...settings,
    ...change,
    kiam: { ...settings.kiam, ...change.kiam },
    iam: { ...settings.iam, ...change.iam },
    ssh: {
      ...settings.ssh,
      ...change.ssh,
      hostKeys: { ...settings.ssh?.hostKeys, ...change.ssh?.hostKeys },
    },
    audit: {
      acknowledged: [
        ...(settings.audit?.acknowledged ?? []),
        ...(change.audit?.acknowledged ?? []),
      ],
    },
  } as SettingsInput;
  const stack = await labStack(cluster, programs, environment, changed);
  return { cluster, stack, environment };
}

/** The cluster as production looks before the migration, under load. */
export async function production(): Promise<void> {
  const cluster = await openCluster();
  await makeProduction(cluster, silentProgress);
}

/** Moves to a stage. @returns what was done, in order, and why it failed; empty where it did not */
export async function move(
  programs: Programs,
  stage: Stage,
  change: Change = {},
): Promise<{ failure: string; steps: string[] }> {
  const { stack } = await open(programs, stage, change);
  const describe = (steps: readonly CompletedStep[]) => steps.map((step) => step.what);
  try {
    const { steps } = await moveTo(stack, stage, { progress: silentProgress, parallel: 4 });
    return { failure: "", steps: describe(steps) };
  } catch (error) {
    if (!(error instanceof UpdateFailedError)) throw error;
    return { failure: error.message, steps: describe(error.steps) };
  }
}

/** What `pulumi preview` would change now. */
export async function preview(programs: Programs, stage: Stage): Promise<string[]> {
  const { stack } = await open(programs, stage, {});
  return (await pendingChanges(stack)).resources;
}

export async function destroy(programs: Programs): Promise<void> {
  const { stack } = await open(programs, "retire", {});
  await destroyAll(stack, { progress: silentProgress, parallel: 4 });
}

/** What is done by hand after stage prepare; one application role goes without trust. */
export async function trust(except?: string): Promise<void> {
  const names = applicationRoles.map((role) => role.name).filter((name) => name !== except);
  await handOver(await openCluster(), names);
}

const serverPolicy = { RoleName: "kiam-server", PolicyName: "assume-application-roles" };

/** Takes sts:AssumeRole from the kiam-server role by hand. @returns the policy, to put it back */
export async function takeServerPolicy(): Promise<string> {
  const iam = await adminIam((await openCluster()).paths);
  const { PolicyDocument = "" } = await iam.send(new GetRolePolicyCommand(serverPolicy));
  await iam.send(new DeleteRolePolicyCommand(serverPolicy));
  return decodeURIComponent(PolicyDocument);
}

export async function giveServerPolicy(document: string): Promise<void> {
  const iam = await adminIam((await openCluster()).paths);
  await iam.send(new PutRolePolicyCommand({ ...serverPolicy, PolicyDocument: document }));
}

/** Whose rules each worker has, in the order in which they match. */
export async function rules(): Promise<Record<string, string>> {
  const cluster = await openCluster();
  const all = await readNatRules(cluster);
  return Object.fromEntries(
    cluster.workers.map(({ name, address }) => [
      name,
      systemsInOrder(all[name] ?? [], address).join(" before "),
    ]),
  );
}

/** What the applications were answered so far. */
export async function load(): Promise<Summary> {
  const cluster = await openCluster();
  return summarise(readLabRecords(cluster.paths), { until: Date.now() });
}

export { makeMistakes, mendMistakes } from "./mistakes.js";
export { makeOtherMistakes, mendOtherMistakes } from "./otherMistakes.js";

/** Where the operator's commands find the lab's stack, and what they need in their environment. */
async function operatorShell(programs: Programs, stage: Stage, change: Change) {
  const { stack, environment } = await open(programs, stage, change);
  const { workDir: cwd } = stack.workspace;
  const env: Record<string, string> = {
    ...environment,
    PULUMI_BACKEND_URL: `file://${join(cwd, "state")}`,
    PATH: [join(programs.engine.root, "bin"), environment.PATH ?? ""].join(delimiter),
  };
  return { cwd, env };
}

/** Answers of a command of kiam-migrate on the lab's stack; `--json` is added. */
async function kiamMigrateJson(
  programs: Programs,
  stage: Stage,
  change: Change,
  args: string[],
): Promise<unknown> {
  const { cwd, env } = await operatorShell(programs, stage, change);
  Object.assign(process.env, env);
  let answer = "";
  const said: string[] = [];
  const terminal = {
    answer: (text: string) => void (answer += text),
    progress: { ...silentProgress, note: (text: string) => void said.push(text) },
  };
  await kiamMigrate([...args, "--stack", "lab", "--cwd", cwd, "--json"], terminal);
  if (answer === "") throw new Error(`kiam-migrate ${args.join(" ")}: ${said.join("\n")}`);
  return JSON.parse(answer);
}

/** kiam is archived, and the load asks without pause, to see every gap; for three minutes nobody calls that churn. */
const ofEveryRun: string[] = ["kiam-archived", "credentials-churn"];

/**
 * What the audit finds for a stage, as `severity code object`, and its verdicts. What every run in
 * the lab has is left out; that it has one master is acknowledged.
 */
export async function audit(
  programs: Programs,
  stage: Stage,
  change: Change = {},
): Promise<{ findings: string[]; pods: PodVerdict[] }> {
  const acknowledged = [
    {
      code: "single-server" as const,
      object: "node/master-1",
      reason: "the lab has one master",
    },
  ];
  const answer = (await kiamMigrateJson(programs, stage, { ...change, audit: { acknowledged } }, [
    "audit",
    "--stage",
    stage,
  ])) as AuditAnswer;
  return {
    findings: answer.findings
      .filter((finding) => !ofEveryRun.includes(finding.code) && finding.acknowledged === undefined)
      .map(({ severity, code, object }) => `${severity} ${code} ${object}`),
    pods: answer.pods,
  };
}

/** The rules that `kiam-migrate plan` says each worker has, and will have. */
export async function plannedRules(
  programs: Programs,
  stage: Stage,
): Promise<Record<string, { present: string[]; planned: string[] }>> {
  const { workers } = (await kiamMigrateJson(programs, stage, {}, ["plan"])) as PlanPreview;
  return Object.fromEntries(
    workers.map(({ name, rules }) => {
      if ("unread" in rules) throw new Error(`${name}: ${rules.unread}`);
      const flat = (backends: typeof rules.present) => backends.flatMap((each) => each.rules);
      return [name, { present: flat(rules.present), planned: flat(rules.planned) }];
    }),
  );
}

/**
 * The script of the workflow's step, as a job on a pull request runs it.
 *
 * @returns what is on the pull request then
 */
export async function commentOnPullRequest(
  programs: Programs,
  stage: Stage,
): Promise<ForgeComment[]> {
  const { cwd, env } = await operatorShell(programs, stage, {});
  const forge = await startForge({ "the job's token": "github-actions[bot]" });
  try {
    const event = join(cwd, "event.json");
    const head = { sha: "0123456789abcdef0123456789abcdef01234567" };
    await writeFile(event, JSON.stringify({ pull_request: { number: githubNumber, head } }));
    const { stderr } = await runWorkflowStep(
      { file: "preview.yml", name: "audit, plan and pulumi preview, as a comment" },
      {
        cwd,
        env: {
          ...env,
          STACK: "lab",
          GITHUB_ACTIONS: "true",
          GITHUB_TOKEN: "the job's token",
          GITHUB_REPOSITORY: githubRepository,
          GITHUB_API_URL: forge.address,
          GITHUB_GRAPHQL_URL: `${forge.address}/graphql`,
          GITHUB_EVENT_PATH: event,
        },
      },
    );
    if (forge.comments.length === 0) throw new Error(stderr);
    return forge.comments;
  } finally {
    await forge.stop();
  }
}

/** Every nat/PREROUTING rule of each worker. */
export async function natRules(): Promise<Record<string, string[]>> {
  return readNatRules(await openCluster());
}
