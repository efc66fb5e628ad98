import { isBlocking, type Finding } from "../audit/finding.js";
import type { Stage } from "../stages.js";
import { fitted, type Section } from "../text/fit.js";
import { codeBlock, codeInMarkdown } from "../text/shown.js";
import { count } from "../text/text.js";
import { planSections, previewHeading } from "./describePreview.js";
import { findingsSection } from "./findingsInMarkdown.js";
import type { PlanPreview } from "./planPreview.js";

/** What a pull request would do to a stack. */
export interface StackReview {
  stack: string;
  stage: Stage;
  findings: Finding[];
  /** What the audit left out, in words; empty where it looked at everything. */
  notLookedAt: string[];
  /** undefined where what blocks leaves nothing to plan with. */
  plan: PlanPreview | undefined;
  pulumi: PulumiPreview;
}

/** What `pulumi preview --diff` said. */
export interface PulumiPreview {
  succeeded: boolean;
  /** Its last lines in one, such as `+ 12 to create, 3 unchanged`; empty where it came to no count. */
  changes: string;
  output: string;
}

/** Where a review was made. */
export interface ReviewOrigin {
  /** The commit that was looked at. */
  commit: string | undefined;
  /** Address of the run, with its whole log. */
  run: string | undefined;
}

/** First line of the comment on a stack: by this, the comment is found again and edited. */
export function commentMarker(stack: string): string {
  return `<!-- kiam-migrate pull-request: ${stack.replace(/[^\w./-]/g, "_")} -->`;
}

/** The comment on a pull request, at most `longest` characters. */
export function reviewAsMarkdown(
  review: StackReview,
  origin: ReviewOrigin,
  longest: number,
): string {
  const { stack, stage, findings, plan, pulumi } = review;
  const blocking = findings.filter(isBlocking);
  const sections: Section[] = [
    { before: [commentMarker(stack), previewHeading(stack, stage), "", verdict(review), ""] },
    // What to do about it comes right behind the verdict.
    ...(blocking.length === 0 ? [] : [findingsSection(blocking), { before: [""] }]),
    ...(plan === undefined ? [] : planSections(plan)),
    ...otherFindings(review),
    ...pulumiSections(pulumi),
    { before: ["", originLine(origin), ...explanation(review)] },
  ];
  return fitted(sections, longest).join("\n");
}

/** The comment where no review came about: it takes the place of one that no longer holds. */
export function failureAsMarkdown(
  stack: string,
  message: string,
  origin: ReviewOrigin,
  longest: number,
): string {
  const [fence = "", ...lines] = codeBlock("text", message.trim().split("\n"));
  const end = lines.pop() ?? "";
  const sections: Section[] = [
    {
      before: [
        commentMarker(stack),
        previewHeading(stack, undefined),
        "",
        "**Do not merge: it is not known what this pull request does to this stack.**",
        "",
        fence,
      ],
      blocks: lines,
      leftOut: linesInLog,
      after: [end, "", originLine(origin)],
    },
  ];
  return fitted(sections, longest).join("\n");
}

/** The first sentence: whether this may be merged. */
function verdict({ findings, pulumi }: StackReview): string {
  const blocking = findings.filter(isBlocking).length;
  if (blocking > 0) return `**Do not merge: ${count(blocking, "finding")} in the way.**`;
  if (!pulumi.succeeded) return "**Do not merge: `pulumi preview` fails.**";
  return pulumi.changes === ""
    ? "**Nothing stands in the way.**"
    : `**Nothing stands in the way.** Pulumi: ${codeInMarkdown(pulumi.changes)}.`;
}

/** What blocks nothing, folded away: to be looked at first, then to be known, then what was acknowledged. */
function otherFindings({ findings, notLookedAt }: StackReview): Section[] {
  const acknowledged = findings.filter((each) => each.acknowledged !== undefined);
  const open = findings.filter((each) => each.acknowledged === undefined);
  const warnings = open.filter(({ severity }) => severity === "warns");
  const notes = open.filter(({ severity }) => severity === "informs");
  const counts = [
    ...(warnings.length === 0 ? [] : [count(warnings.length, "warning")]),
    ...(notes.length === 0 ? [] : [count(notes.length, "note")]),
    ...(acknowledged.length === 0 ? [] : [`${acknowledged.length} acknowledged`]),
  ];
  const left =
    notLookedAt.length === 0 ? [] : ["", `The audit did not look at: ${notLookedAt.join(", ")}.`];
  if (counts.length === 0) return [{ before: left }];
  return [
    { before: ["", "<details>", `<summary>Audit: ${counts.join(", ")}</summary>`, ""] },
    ...[warnings, notes, acknowledged].map(findingsSection),
    { before: ["", "</details>", ...left] },
  ];
}

/** Lines at the end that stay longer than others: there Pulumi says what failed, and how much changes. */
const lastLines = 60;

function pulumiSections({ succeeded, output }: PulumiPreview): Section[] {
  const text = output.trimEnd().split("\n").map(markedForDiff);
  const [fence = "", ...lines] = codeBlock("diff", text);
  const end = lines.pop() ?? "";
  const split = Math.max(0, lines.length - lastLines);
  const summary = `<code>pulumi preview --diff</code>${succeeded ? "" : ", which fails"}`;
  return [
    {
      before: ["", "<details>", `<summary>${summary}</summary>`, "", fence],
      blocks: lines.slice(0, split),
      leftOut: linesInLog,
    },
    {
      blocks: lines.slice(split),
      keep: "last",
      leftOut: linesInLog,
      after: [end, "", "</details>"],
    },
  ];
}

/** A diff is coloured by the first character of each line, where Pulumi has an indent. */
function markedForDiff(line: string): string {
  const sign = /^\s*(\+-|\+\+|--|[-+~])\s/.exec(line)?.[1];
  if (sign === undefined) return ` ${line}`;
  return `${sign === "~" || sign === "+-" ? "!" : sign.charAt(0)}${line}`;
}

function linesInLog(rest: number): string {
  return `  … ${count(rest, "more line")}, for which there is no room here: see the log of the run`;
}

function originLine({ commit, run }: ReviewOrigin): string {
  const of = commit === undefined ? "" : ` of ${codeInMarkdown(commit.slice(0, 12))}`;
  return run === undefined ? `Preview${of}.` : `Preview${of}: [the run and its log](${run}).`;
}

/** Where a reader finds the reasons, and the findings that were only counted. */
function explanation({ stack, stage, findings }: StackReview): string[] {
  if (findings.length === 0) return [];
  const command = `npx kiam-migrate audit --stack ${stack} --stage ${stage}`;
  return [
    `Every finding with its reason: ${codeInMarkdown(command)}. What each code means: \`docs/findings.md\`.`,
  ];
}
