import { compareText, count, groupedBy, someOf } from "../text/text.js";
import { sameTogether } from "./describeFindings.js";
import type { Finding } from "../audit/finding.js";
import { describePlan } from "./describePlan.js";
import type { PlanPreview, PreviewedMove, WorkerPreview } from "./planPreview.js";
import { ruleChanges, type RuleChange } from "../rules/diff.js";
import { codeBlock, codeInMarkdown, inMarkdown, shownLine } from "../text/shown.js";
import { stageSummary } from "../stages.js";

/** The preview for a terminal. */
export function previewAsText(preview: PlanPreview): string {
  return [
    describePlan(preview.plan),
    "",
    "roles in use, and where their pods are:",
    ...rolesInUse(preview.workers).map(
      ({ arn, pods, workers }) => `  ${shownLine(arn)}  ${count(pods, "pod")} on ${fewOf(workers)}`,
    ),
    "",
    "nat rules of the workers, present (-) and planned (+):",
    ...ruleChanges(preview.workers).flatMap((change) => [
      `  ${fewOf(change.workers)} (${shownLine(sourceOf(change))}):`,
      ...change.lines.map((line) => `    ${shownLine(line)}`),
    ]),
    ...(preview.move === undefined ? [] : ["", ...carriedOutBy(preview.move)]),
  ].join("\n");
}

/** The updates, the id, and the command that carries out this very plan. */
function carriedOutBy({ stages, planId, command }: PreviewedMove): string[] {
  return [
    `updates   ${stages.join(" → ")}${stages.length > 1 ? ", one after the other" : ""}`,
    `plan id   ${planId}`,
    `to do it  ${command} --approve ${planId}`,
  ];
}

/** The preview for a pull request's comment: short, with what is long folded away. */
export function previewAsMarkdown(preview: PlanPreview): string {
  const { plan, workers, stack } = preview;
  const changes = ruleChanges(workers);
  const moving = workers.filter(({ wave }) => wave !== "stays" && wave !== "waits");
  return [
    `### kube2iam to kiam: stack ${codeInMarkdown(stack)} at stage \`${plan.stage}\``,
    "",
    `What that stage does: ${stageSummary[plan.stage]}.`,
    "",
    `- kube2iam: ${codeInMarkdown(`${plan.kube2iam.namespace}/${plan.kube2iam.daemonSet}`)}, port ${plan.kube2iam.port}, interface ${codeInMarkdown(plan.kube2iam.interface)}`,
    `- kiam: server on ${inMarkdown(fewOf(plan.servers))}, agents' rule on ${codeInMarkdown(plan.agentInterface)}`,
    `- ${count(workers.length, "worker")}, ${moving.length} of them move; ${count(
      changes
        .filter((change) => change.changes)
        .reduce((sum, change) => sum + change.workers.length, 0),
      "worker",
    )} get other rules`,
    ...(preview.move === undefined
      ? []
      : [`- plan id \`${preview.move.planId}\`; updates: ${preview.move.stages.join(" → ")}`]),
    "",
    ...blockingAsMarkdown(preview.blocking),
    "| wave | workers | steps of each | roles | pods |",
    "| --- | --- | --- | --- | --- |",
    ...[...groupedBy(workers, ({ wave }) => wave)].map(([wave, members]) => {
      const roles = rolesInUse(members);
      const pods = roles.reduce((sum, role) => sum + role.pods, 0);
      const names = fewOf(members.map(({ name }) => codeInMarkdown(name)));
      return `| ${wave} | ${names} | ${stepsOf(members)} | ${roles.length} | ${pods} |`;
    }),
    ...(plan.waiting.length === 0 ? [] : [""]),
    ...plan.waiting.map(
      ({ name, why, accepted }) =>
        `- ${codeInMarkdown(name)} waits: ${inMarkdown(why)}${accepted ? "" : "; all others move"}`,
    ),
    ...changes.flatMap((change) => [
      "",
      "<details>",
      `<summary>Rules of ${inMarkdown(fewOf(change.workers))}: ${inMarkdown(sourceOf(change))}</summary>`,
      "",
      ...codeBlock("diff", change.lines),
      "",
      "</details>",
    ]),
    "",
  ].join("\n");
}

function blockingAsMarkdown(blocking: readonly Finding[]): string[] {
  if (blocking.length === 0) return [];
  return [
    `**${count(blocking.length, "finding")} in the way; no update begins before that:**`,
    "",
    ...sameTogether(blocking).map(
      ({ code, objects, seen, fix }) =>
        `- ${fewOf(objects.map(codeInMarkdown))}: ${inMarkdown(seen)} (\`${code}\`). To do: ${inMarkdown(fix)}`,
    ),
    "",
  ];
}

function sourceOf({ source, changes, lines }: RuleChange): string {
  return lines.length === 0 || changes ? source : `${source}; no change`;
}

function fewOf(names: readonly string[]): string {
  return someOf(names, 5);
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
  const uses = workers.flatMap(({ name, roles }) => roles.map((role) => ({ name, ...role })));
  return [...groupedBy(uses, ({ arn }) => arn)]
    .map(([arn, of]) => ({
      arn,
      pods: of.reduce((sum, { pods }) => sum + pods.length, 0),
      workers: of.map(({ name }) => name),
    }))
    .sort((a, b) => compareText(a.arn, b.arn));
}
