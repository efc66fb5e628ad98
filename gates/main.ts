/**
 * `node --require tsx/cjs gates/main.ts <verb>`: one check or action against the cluster.
 *
 * JSON on stdin, JSON on stdout, everything meant for people on stderr. Exit status 0: the gate
 * is open. 1: it is not, and stderr says why. 2: called wrongly.
 *
 * Each verb's code is loaded only when it is called, and the Kubernetes client only by verbs that
 * need it: loading costs more than most of them take.
 */
import { createRequire, enableCompileCache } from "node:module";
import { text } from "node:stream/consumers";
import { z } from "zod";

import { messageOf } from "../migration/messageOf.js";
import { cleanUpOnSignals } from "./cleanup.js";
import { gateSchemas, type CheckedInput, type GateOutput, type GateVerb } from "./inputs.js";
import { GateError } from "./problem.js";

type Gate<Verb extends GateVerb> = (input: CheckedInput<Verb>) => Promise<GateOutput<Verb>>;

// Not import(): under tsx's CommonJS hooks that would not find TypeScript files.
const load = createRequire(__filename) as (path: string) => Record<string, unknown>;

/** The verb `probe-live` is the function `probeLive` of verbs/probeLive.ts, and so on. */
function gateOf<Verb extends GateVerb>(verb: Verb): Gate<Verb> {
  const name = verb.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return load(`./verbs/${name}.js`)[name] as Gate<Verb>;
}

async function run<Verb extends GateVerb>(verb: Verb): Promise<void> {
  const input = readInput(verb, await text(process.stdin));
  process.stdout.write(`${JSON.stringify(await gateOf(verb)(input))}\n`);
}

function readInput<Verb extends GateVerb>(verb: Verb, stdin: string): CheckedInput<Verb> {
  let raw: unknown;
  try {
    raw = JSON.parse(stdin);
  } catch (error) {
    throw new GateError(`${verb}: stdin is not JSON (${messageOf(error)})`);
  }
  const checked = gateSchemas[verb].input.safeParse(raw);
  if (!checked.success) {
    throw new GateError(`${verb}: the input does not fit\n${z.prettifyError(checked.error)}`);
  }
  return checked.data as CheckedInput<Verb>;
}

function usage(): string {
  const lines = Object.entries(gateSchemas).map(
    ([verb, { description }]) => `  ${verb.padEnd(20)}${description}`,
  );
  return `usage: gates/main.ts <verb> < input.json\n${lines.join("\n")}\n`;
}

function isVerb(word: string | undefined): word is GateVerb {
  return word !== undefined && Object.hasOwn(gateSchemas, word);
}

async function main(): Promise<void> {
  const verb = process.argv[2];
  if (!isVerb(verb)) {
    process.stderr.write(usage());
    process.exitCode = 2;
    return;
  }
  enableCompileCache();
  cleanUpOnSignals();
  try {
    await run(verb);
    process.exitCode = 0;
  } catch (error) {
    // A finding speaks for itself; anything else is a defect, and its stack helps to mend it.
    const text =
      error instanceof GateError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`${text}\n`);
    process.exitCode = 1;
  }
}

void main();
