import { describePlan } from "./describePlan.js";
import type { PlanPreview, WorkerPreview } from "./planPreview.js";
import { ruleChanges, type RuleChange } from "./ruleDiff.js";
import { stageSummary } from "./stages.js";

/** The preview for a terminal. */
export function previewAsText(preview: PlanPreview): string {
  return [
    describePlan(preview.plan),
    "",
    "roles in use, and where their pods are:",
    ...rolesInUse(preview.workers).map(
      ({ arn, pods, workers }) =>
        `  ${arn}  ${count(pods, "pod")} on ${some(workers, count(workers.length, "worker"))}`,
    ),
    "",
    "nat rules of the workers, present (-) and planned (+):",
    ...ruleChanges(preview.workers).flatMap((change) => [
      `  ${some(change.workers, count(change.workers.length, "worker"))} (${sourceOf(change)}):`,
      ...change.lines.map((line) => `    ${line}`),
    ]),
  ].join("\n");
}

/** The preview for a pull request's comment: short, with what is long folded away. */
export function previewAsMarkdown(preview: PlanPreview): string {
  const { plan, workers, stack } = preview;
  const changes = ruleChanges(workers);
  const moving = workers.filter(({ wave }) => wave !== "stays");
  return [
    `### kube2iam to kiam: stack \`${stack}\` at stage \`${plan.stage}\``,
    "",
    `What that stage does: ${stageSummary[plan.stage]}.`,
    "",
    `- kube2iam: \`${plan.kube2iam.namespace}/${plan.kube2iam.daemonSet}\`, port ${plan.kube2iam.port}, interface \`${plan.kube2iam.interface}\``,
    `- kiam: server on ${some(plan.servers, count(plan.servers.length, "node"))}, agents' rule on \`${plan.agentInterface}\``,
    `- ${count(workers.length, "worker")}, ${moving.length} of them move; ${count(
      changes
        .filter((change) => change.changes)
        .reduce((sum, change) => sum + change.workers.length, 0),
      "worker",
    )} get other rules`,
    "",
    "| wave | workers | steps of each | roles | pods |",
    "| --- | --- | --- | --- | --- |",
    ...wavesOf(workers).map(({ wave, members }) => {
      const roles = rolesInUse(members);
      const pods = roles.reduce((sum, role) => sum + role.pods, 0);
      const names = some(
        members.map(({ name }) => `\`${name}\``),
        count(members.length, "worker"),
      );
      return `| ${wave} | ${names} | ${stepsOf(members)} | ${roles.length} | ${pods} |`;
    }),
    ...changes.flatMap((change) => [
      "",
      "<details>",
      `<summary>Rules of ${some(change.workers, count(change.workers.length, "worker"))}: ${sourceOf(change)}</summary>`,
      "",
      "```diff",
      ...change.lines,
      "```",
      "",
      "</details>",
    ]),
    "",
  ].join("\n");
}

function sourceOf({ source, changes, lines }: RuleChange): string {
  return lines.length === 0 || changes ? source : `${source}; no change`;
}

/** Names, as long as there are few of them. */
function some(names: readonly string[], otherwise: string): string {
  return names.length <= 5
    ? names.join(", ")
    : `${otherwise} (${names.slice(0, 3).join(", ")}, …, ${names.at(-1)})`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function wavesOf(workers: readonly WorkerPreview[]): { wave: string; members: WorkerPreview[] }[] {
  const waves = new Map<string, WorkerPreview[]>();
  for (const worker of workers) {
    const members = waves.get(worker.wave) ?? [];
    members.push(worker);
    waves.set(worker.wave, members);
  }
  return [...waves].map(([wave, members]) => ({ wave, members }));
}

function stepsOf(members: readonly WorkerPreview[]): string {
  const [longest] = [...members].sort((a, b) => b.steps.length - a.steps.length);
  return longest === undefined || longest.steps.length === 0
    ? "nothing on the worker itself"
    : longest.steps.join(" → ");
}

function rolesInUse(
  workers: readonly WorkerPreview[],
): { arn: string; pods: number; workers: string[] }[] {
  const roles = new Map<string, { pods: number; workers: string[] }>();
  for (const { name, roles: used } of workers) {
    for (const { arn, pods } of used) {
      const known = roles.get(arn) ?? { pods: 0, workers: [] };
      known.pods += pods.length;
      known.workers.push(name);
      roles.set(arn, known);
    }
  }
  return [...roles].map(([arn, use]) => ({ arn, ...use })).sort((a, b) => (a.arn < b.arn ? -1 : 1));
}
