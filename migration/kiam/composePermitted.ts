import type { PermittedMode } from "./permitted.js";

/**
 * One expression for `iam.amazonaws.com/permitted` that matches what one of `expressions` matches as
 * a whole: each once, sorted, with what all of them begin with up to a slash in front. An alternation
 * is grouped, since kiam puts `^` and `$` around the value without parentheses; where kiam does not
 * put them there, they are part of it.
 *
 * @param expressions each safe beside others with `|`; at least one
 */
export function composePermitted(expressions: readonly string[], mode: PermittedMode): string {
  const each = [...new Set(expressions)].sort();
  const shared = each.every(isPlain) ? sharedFront(each) : "";
  const rests = each.map((one) => one.slice(shared.length));
  const one = rests.length === 1 ? (each[0] ?? "") : `${shared}(?:${rests.join("|")})`;
  return mode === "strict" ? one : `^${one}$`;
}

/** Whether it can be cut after any slash: none is in a group or a class, and none is repeated. */
function isPlain(expression: string): boolean {
  return !/[|()[\]{}]|\/[*+?]/.test(expression);
}

/** What all begin with, up to the last slash that they share. */
function sharedFront([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  for (const other of others) {
    let at = 0;
    while (at < length && first[at] === other[at]) at++;
    length = at;
  }
  return first.slice(0, first.lastIndexOf("/", length - 1) + 1);
}
