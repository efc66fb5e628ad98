import type { Plan } from "../plan/plan.js";
import { fitted, type Section } from "../text/fit.js";
import { compareText, count, groupedBy, someOf } from "../text/text.js";
import { describePlan } from "./describePlan.js";
import { andMore, findingsSection } from "./findingsInMarkdown.js";
import type { PlanPreview, PreviewedMove, WorkerPreview } from "./planPreview.js";
import { ruleChanges, type RuleChange } from "../rules/diff.js";
import { codeBlock, codeInMarkdown, inMarkdown, shownLine } from "../text/shown.js";
import { stageSummary, type Stage } from "../stages.js";

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

/** Most characters that GitHub takes for a comment; GitLab takes more. */
export const longestComment = 65_536;

/** The preview for a pull request's comment: short, with what is long folded away. */
export function previewAsMarkdown(preview: PlanPreview, longest = longestComment): string {
  const { stack, plan, blocking } = preview;
  const inTheWay = `**${count(blocking.length, "finding")} in the way; no update begins before that:**`;
  const sections = [
    { before: [previewHeading(stack, plan.stage), ""] },
    ...(blocking.length === 0
      ? []
      : [{ before: [inTheWay, ""] }, findingsSection(blocking), { before: [""] }]),
    ...planSections(preview),
  ];
  return [...fitted(sections, longest), ""].join("\n");
}

/** @param stage undefined where it is not known */
export function previewHeading(stack: string, stage: Stage | undefined): string {
  const atStage = stage === undefined ? "" : ` at stage \`${stage}\``;
  return `### kube2iam to kiam: stack ${codeInMarkdown(stack)}${atStage}`;
}

/** The plan as Markdown, without a heading, in parts that can be cut where a comment gets too long. */
export function planSections({ plan, workers, move }: Omit<PlanPreview, "blocking">): Section[] {
  const changes = ruleChanges(workers);
  const moving = workers.filter(({ wave }) => wave !== "stays" && wave !== "waits");
  const changed = changes
    .filter((change) => change.changes)
    .reduce((sum, change) => sum + change.workers.length, 0);
  return [
    {
      before: [
        `What that stage does: ${stageSummary[plan.stage]}.`,
        "",
        `- kube2iam: ${codeInMarkdown(`${plan.kube2iam.namespace}/${plan.kube2iam.daemonSet}`)}, port ${plan.kube2iam.port}, interface ${codeInMarkdown(plan.kube2iam.interface)}`,
        `- kiam: server on ${inMarkdown(fewOf(plan.servers))}, agents' rule on ${codeInMarkdown(plan.agentInterface)}`,
        `- ${count(workers.length, "worker")}, ${moving.length} of them move; ${count(changed, "worker")} get other rules`,
        ...(move === undefined
          ? []
          : [`- plan id \`${move.planId}\`; updates: ${move.stages.join(" → ")}`]),
        "",
      ],
    },
    {
      before: [
        "| wave | workers | steps of each | roles | pods |",
        "| --- | --- | --- | --- | --- |",
      ],
      blocks: [...groupedBy(workers, ({ wave }) => wave)].map(([wave, members]) => {
        const roles = rolesInUse(members);
        const pods = roles.reduce((sum, role) => sum + role.pods, 0);
        const names = fewOf(members.map(({ name }) => codeInMarkdown(name)));
        return `| ${wave} | ${names} | ${stepsOf(members)} | ${roles.length} | ${pods} |`;
      }),
      leftOut: (rest) => `| ${andMore(rest)} | | | | |`,
      after: plan.waiting.length === 0 ? [] : [""],
    },
    {
      blocks: waitingInMarkdown(plan),
      leftOut: (rest) => `- ${andMore(rest)}`,
    },
    {
      blocks: changes.map((change) =>
        [
          "",
          "<details>",
          `<summary>Rules of ${inMarkdown(fewOf(change.workers))}: ${inMarkdown(sourceOf(change))}</summary>`,
          "",
          ...codeBlock("diff", change.lines),
          "",
          "</details>",
        ].join("\n"),
      ),
      leftOut: (rest) => `\nRules that change in other ways: ${andMore(rest)}`,
    },
  ];
}

/** Workers that wait for the same reason, together. */
function waitingInMarkdown({ waiting }: Plan): string[] {
  const reasons = groupedBy(
    waiting,
    ({ why, accepted }) => `${inMarkdown(why)}${accepted ? "" : "; all others move"}`,
  );
  return [...reasons].map(([reason, workers]) => {
    const names = fewOf(workers.map(({ name }) => codeInMarkdown(name)));
    return `- ${names} ${workers.length === 1 ? "waits" : "wait"}: ${reason}`;
  });
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
