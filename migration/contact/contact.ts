import { shown, shownLine } from "../text/shown.js";

/**
 * What stands between this program and what it has to reach: cause and cure, in one message. The
 * tables beside this file make it of what is known of a failure (its class, its code).
 */
export interface Contact {
  /** Names the case, for scripts and tests: it stays when the words change. */
  code: string;
  /** What was found, as one line. */
  what: string;
  where: string;
  why: string;
  /** What to do, and the next command to type. */
  fix: string;
  /** What a program or server said of it, word for word. */
  said?: readonly string[];
}

/**
 * The operator, not a bug, has to do something about it: `kiam-migrate` and the Pulumi program print
 * its message alone, without a stack trace.
 */
export class ContactError extends Error {
  constructor(
    readonly contact: Contact,
    options?: ErrorOptions,
  ) {
    super(contactText(contact), options);
    this.name = "ContactError";
  }
}

/** Most characters of what a program or a server said. */
const longestSaid = 2_000;

function contactText({ code, what, where, why, fix, said = [] }: Contact): string {
  return [
    `${shownLine(what)} [${code}]`,
    `  where: ${shownLine(where)}`,
    ...said.flatMap((text) => (text.trim() === "" ? [] : [`  it said: ${indented(text)}`])),
    `  why it matters: ${why}`,
    `  what to do: ${indented(fix)}`,
  ].join("\n");
}

/** Nothing that a server says begins a line of ours. */
function indented(text: string): string {
  const short = text.length <= longestSaid ? text : `${text.slice(0, longestSaid)}…`;
  return shown(short.trim()).replaceAll("\n", "\n    ");
}

/** A word of a command that is printed for a person to type. */
export function typed(word: string): string {
  return /^[\w.:/@=+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
