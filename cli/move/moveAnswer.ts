import type { MoveAnswer } from "../../automation/move/moveAnswer.js";
import { formatElapsed } from "../../automation/progress.js";
import { describeFindings } from "../../migration/preview/describeFindings.js";
import { shownLine } from "../../migration/text/shown.js";
import { count } from "../../migration/text/text.js";
import { exitCodes, type ExitCode } from "../command.js";

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
