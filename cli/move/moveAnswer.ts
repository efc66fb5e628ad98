import { formatElapsed } from "../../automation/progress.js";
import type { Finding } from "../../migration/audit/finding.js";
import type { MoveFailure, StageMove } from "../../migration/move/outcome.js";
import { describeFindings } from "../../migration/preview/describeFindings.js";
import type { Stage } from "../../migration/stages.js";
import { shownLine } from "../../migration/text/shown.js";
import { count } from "../../migration/text/text.js";
import { exitCodes, type ExitCode } from "../command.js";

/** What `kiam-migrate migrate --json` and `kiam-migrate rollback --json` print. */
export interface MoveAnswer {
  stack: string;
  /** The stages of the route, in order. */
  stages: Stage[];
  /** Whether everything was to be taken away at the end. */
  all: boolean;
  /** Undefined where nothing could be planned. */
  planId: string | undefined;
  /**
   * `nothing-to-do`: it is there already. `blocked`: findings stand in the way. `declined`: it was not
   * approved. `other-plan`: another plan was approved. The others as MoveFailure has them.
   */
  outcome: "done" | "nothing-to-do" | "blocked" | "declined" | "other-plan" | MoveFailure["kind"];
  /** What happened, in a sentence or two. */
  said: string;
  /** Findings that stand in the way, and the stage at which they do. */
  blocked: { stage: Stage; findings: Finding[] } | undefined;
  /** How the plan differs from the approved one. */
  differences: string[];
  /** The updates that succeeded. */
  moves: StageMove[];
  /** Commands to type next, the most sensible first. */
  next: string[];
}

/** The answer for people. */
export function moveAsText(answer: MoveAnswer): string {
  const { said, blocked, differences, moves, next } = answer;
  return [
    ...moves.map(
      ({ at, milliseconds, steps }) =>
        `${at === "nothing" ? "everything taken away" : `stage ${at}`}: ${count(steps.length, "step")} in ${formatElapsed(milliseconds)}`,
    ),
    said,
    ...(blocked === undefined ? [] : describeFindings(blocked.findings)),
    ...someLines(differences),
    ...(next.length === 0 ? [] : ["Next:", ...next.map((command) => `  ${command}`)]),
  ].join("\n");
}

/** Most lines of differences that a person is shown; JSON has all. */
const mostLines = 40;

function someLines(lines: readonly string[]): string[] {
  const more = lines.length - mostLines;
  return [
    ...lines.slice(0, mostLines).map((line) => `  ${shownLine(line)}`),
    ...(more > 0 ? [`  and ${more} more: see --json`] : []),
  ];
}

export function moveExitCode({ outcome }: Pick<MoveAnswer, "outcome">): ExitCode {
  switch (outcome) {
    case "done":
    case "nothing-to-do":
      return exitCodes.ok;
    case "blocked":
    case "declined":
    case "other-plan":
      return exitCodes.findings;
    case "failed":
    case "stopped":
    case "locked":
    case "cut-short":
      return exitCodes.failed;
  }
}
