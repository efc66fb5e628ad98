import { shown, shownLine } from "./shown.js";
import { messageOf } from "./text.js";

/** Something a gate found wrong, said so that the reader can act on it. */
export interface Problem {
  /** What was found. */
  what: string;
  /** The object, such as `pod kiam/kiam-server-x7k2p on master-1`. */
  where: string;
  why?: string;
  fix?: string;
}

/**
 * Why a gate does not open. The message starts with the finding; each problem follows with where
 * it is, why it matters and what to do.
 */
export class GateError extends Error {
  constructor(
    readonly finding: string,
    readonly problems: readonly Problem[] = [],
    options?: ErrorOptions,
  ) {
    super([indented(finding), ...problems.map(problemText)].join("\n"), options);
    this.name = "GateError";
  }
}

function problemText({ what, where, why, fix }: Problem): string {
  const lines = [`  - ${shownLine(where)}: ${indented(what)}`];
  if (why !== undefined) lines.push(`    why it matters: ${indented(why)}`);
  if (fix !== undefined) lines.push(`    what to do: ${indented(fix)}`);
  return lines.join("\n");
}

/** Most characters of one text in a message. */
const longestText = 20_000;

/** Lines after the first are indented: nothing that the cluster says begins a line of ours. */
function indented(text: string): string {
  const more = text.length - longestText;
  const short = more > 0 ? `${text.slice(0, longestText)}… (${more} more characters)` : text;
  return shown(short.trim()).replaceAll("\n", "\n      ");
}

/** The same findings once each, in order. */
export function distinctProblems(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = JSON.stringify(problem);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The problems of an error: its own where it carries any, else itself as one. */
export function problemsOf(error: unknown, where: string): Problem[] {
  if (error instanceof GateError && error.problems.length > 0) return [...error.problems];
  return [{ where, what: messageOf(error) }];
}
