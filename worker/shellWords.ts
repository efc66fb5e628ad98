import { shownJson } from "../migration/text/shown.js";
import { digestSchema } from "../migration/text/digest.js";

/*
 * The one place where command lines for a worker's shell are put together. What goes in was
 * parsed where it was read; it is checked again here, since these lines run as root.
 */

/** A word for a POSIX shell. Throws where it holds control characters: no argument of ours does. */
export function quote(word: string): string {
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x1f\x7f-\x9f]/.test(word)) {
    throw new Error(
      `A command line for a worker would hold control characters: ${shownJson(word.slice(0, 200))}. Nothing was run.`,
    );
  }
  return /^[A-Za-z0-9_./:-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * A command line with a comment behind it: to the shell nothing, to Pulumi another command, which
 * runs again.
 *
 * @param token see migration/text/digest.ts; nothing else can stand in a comment
 */
export function commented(command: string, what: "attempt" | "generation", token: string): string {
  if (!digestSchema.safeParse(token).success) {
    throw new Error(
      `A command line for a worker would end in the ${what} ${shownJson(token.slice(0, 200))}, which this program did not make. Nothing was run.`,
    );
  }
  return `${command} # ${what} ${token}`;
}
