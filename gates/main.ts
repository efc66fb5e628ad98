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

import { cleanUpOnSignals } from "./cleanup.js";
import { gateSchemas, type CheckedInput, type GateOutput, type GateVerb } from "./inputs.js";
import { GateError, messageOf } from "./problem.js";

type Verbs = {
  [Verb in GateVerb]: () => (input: CheckedInput<Verb>) => Promise<GateOutput<Verb>>;
};

// Not import(): under tsx's CommonJS hooks that would not find TypeScript files.
const load = createRequire(__filename) as <Module>(path: string) => Module;

const verbs: Verbs = {
  "issue-certificates": () =>
    load<typeof import("./verbs/issueCertificates.js")>("./verbs/issueCertificates.js")
      .issueCertificates,
  "verify-server": () =>
    load<typeof import("./verbs/verifyServer.js")>("./verbs/verifyServer.js").verifyServer,
  "verify-agent": () =>
    load<typeof import("./verbs/verifyAgent.js")>("./verbs/verifyAgent.js").verifyAgent,
  "probe-shadow": () =>
    load<typeof import("./verbs/probeShadow.js")>("./verbs/probeShadow.js").probeShadow,
  "probe-live": () => load<typeof import("./verbs/probeLive.js")>("./verbs/probeLive.js").probeLive,
  "forget-worker": () =>
    load<typeof import("./verbs/forgetWorker.js")>("./verbs/forgetWorker.js").forgetWorker,
  "capture-kube2iam": () =>
    load<typeof import("./verbs/captureKube2iam.js")>("./verbs/captureKube2iam.js").captureKube2iam,
  "retire-kube2iam": () =>
    load<typeof import("./verbs/retireKube2iam.js")>("./verbs/retireKube2iam.js").retireKube2iam,
  "restore-kube2iam": () =>
    load<typeof import("./verbs/restoreKube2iam.js")>("./verbs/restoreKube2iam.js").restoreKube2iam,
  fallback: () => load<typeof import("./verbs/fallback.js")>("./verbs/fallback.js").fallback,
  "check-fallback": () =>
    load<typeof import("./verbs/checkFallback.js")>("./verbs/checkFallback.js").checkFallback,
};

async function run<Verb extends GateVerb>(verb: Verb): Promise<void> {
  const input = readInput(verb, await text(process.stdin));
  const gate = verbs[verb]();
  process.stdout.write(`${JSON.stringify(await gate(input))}\n`);
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
  return word !== undefined && Object.hasOwn(verbs, word);
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
