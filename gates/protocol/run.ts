/**
 * JSON on stdin, JSON on stdout, everything meant for people on stderr. Exit status 0: the gate
 * is open. 1: it is not, and stderr says why. 2: called wrongly.
 */
import { text } from "node:stream/consumers";
import { z } from "zod";

import { messageOf } from "../../migration/text/text.js";
import { shownJson } from "../../migration/text/shown.js";
import { cleanUpOnSignals } from "./cleanup.js";
import { gateSchemas, type CheckedInput, type Gate, type GateVerb } from "./inputs.js";
import { GateError } from "../../migration/text/problem.js";
import { progress } from "./progress.js";
import { awaitDeletion } from "../nodes/awaitDeletion.js";
import { accountForNodes } from "../nodes/accountForNodes.js";
import { askHostKeyOf } from "../nodes/askHostKey.js";
import { captureKube2iam } from "../retirement/captureKube2iam.js";
import { clearAgent } from "../wayBack/clearAgent.js";
import { captureRule } from "../cutover/captureRule.js";
import { removeRuleByExec, restoreRuleByExec } from "../cutover/changeRule.js";
import { checkFallback } from "../wayBack/checkFallback.js";
import { checkRestore } from "../retirement/checkRestore.js";
import { fallback } from "../wayBack/fallback.js";
import { forgetWorker } from "../nodes/forgetWorker.js";
import { issueCertificates } from "../kiam/issueCertificates.js";
import { keepKube2iamOff } from "../kube2iam/keepOff.js";
import { letKube2iamOn } from "../kube2iam/letOn.js";
import { neutralisePrestop } from "../kube2iam/neutralisePrestop.js";
import { probeLive } from "../probe/probeLive.js";
import { probeShadow } from "../probe/probeShadow.js";
import { recheckWorker } from "../cutover/recheckWorker.js";
import { rehearseUndo } from "../cutover/rehearseUndo.js";
import { restoreKube2iam } from "../retirement/restoreKube2iam.js";
import { retireKube2iam } from "../retirement/retireKube2iam.js";
import { returnWorker } from "../wayBack/returnWorker.js";
import { verifyAgent } from "../kiam/verifyAgent.js";
import { verifyServer } from "../kiam/verifyServer.js";

const gates: { [Verb in GateVerb]: Gate<Verb> } = {
  "account-for-nodes": accountForNodes,
  "ask-host-key": askHostKeyOf,
  "await-deletion": awaitDeletion,
  "capture-kube2iam": captureKube2iam,
  "capture-rule": captureRule,
  "check-fallback": checkFallback,
  "check-restore": checkRestore,
  "clear-agent": clearAgent,
  fallback,
  "forget-worker": forgetWorker,
  "issue-certificates": issueCertificates,
  "keep-kube2iam-off": keepKube2iamOff,
  "let-kube2iam-on": letKube2iamOn,
  "neutralise-prestop": neutralisePrestop,
  "probe-live": probeLive,
  "probe-shadow": probeShadow,
  "recheck-worker": recheckWorker,
  "rehearse-undo": rehearseUndo,
  "remove-rule": removeRuleByExec,
  "restore-kube2iam": restoreKube2iam,
  "restore-rule": restoreRuleByExec,
  "retire-kube2iam": retireKube2iam,
  "return-worker": returnWorker,
  "verify-agent": verifyAgent,
  "verify-server": verifyServer,
};

async function run<Verb extends GateVerb>(verb: Verb): Promise<void> {
  const input = readInput(verb, await text(process.stdin));
  process.stdout.write(`${shownJson(await gates[verb](input))}\n`);
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

export async function main(): Promise<void> {
  const verb = process.argv[2];
  if (!isVerb(verb)) {
    process.stderr.write(usage());
    process.exitCode = 2;
    return;
  }
  cleanUpOnSignals();
  try {
    await run(verb);
    process.exitCode = 0;
  } catch (error) {
    // A finding speaks for itself; anything else is a defect, and its stack helps to mend it.
    const text =
      error instanceof GateError ? error.message : ((error as Error).stack ?? String(error));
    progress(text);
    process.exitCode = 1;
  }
}
