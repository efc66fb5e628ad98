/** Which parts a verb's text is made of. A part is a file of a folder beside this one. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What every verb needs: to say what it found, to read the tables, and to look at the worker. */
const frame = ["frame/head", "frame/words", "frame/json", "frame/report", "frame/arguments"];
const tables = ["classify", "interfaces", "read", "walk", "rows", "inForce", "native"];
const looks = ["identity", "connections", "health", "wayBack", "before"];
const always = [
  ...frame,
  ...tables.map((part) => `tables/${part}`),
  ...looks.map((part) => `looks/${part}`),
];

/** What only some need, the verb itself last. */
const ofVerb = {
  inspect: ["forms", "rivals", "inspect"],
  remove: ["forms", "rivals", "takeover", "change", "delete", "remove"],
  restore: ["change", "delete", "undoAll", "restore"],
  ensure: ["rivals", "change", "undoAll", "ensure"],
  drain: ["forms", "rivals", "sockets", "closing", "drain"],
} as const satisfies Record<string, readonly string[]>;

export type RuleVerb = keyof typeof ofVerb;

export const ruleVerbs = Object.keys(ofVerb) as RuleVerb[];

/** The names of a verb's parts, in the order in which its text has them. */
export function partsOf(verb: RuleVerb): string[] {
  return [...always, ...ofVerb[verb].map((part) => `verbs/${part}`), "frame/main"];
}

/** These parts in one text, as they are on disk. */
export function assemble(parts: readonly string[]): string {
  return parts.map((part) => readFileSync(join(__dirname, `${part}.sh`), "utf8")).join("\n");
}

/**
 * Leaves out comments that have a line of their own, and empty lines; the first line stays. It knows
 * nothing of quotes: that no text of several lines in the parts has such a line, test/worker proves
 * by having bash print the functions of both.
 */
export function withoutComments(text: string): string {
  const [first = "", ...lines] = text.split("\n");
  const kept = lines.filter((line) => !/^\s*(#|$)/.test(line));
  return [first, ...kept, ""].join("\n");
}

const texts = new Map<RuleVerb, string>();

/**
 * The text that does what this verb says, and nothing else: what a worker's shell gets on standard
 * input. It is an input of the commands in a stack's state, which run again when it changes.
 */
export function ruleScript(verb: RuleVerb): string {
  const text = texts.get(verb) ?? withoutComments(assemble(partsOf(verb)));
  texts.set(verb, text);
  return text;
}
