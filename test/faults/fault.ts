/*
 * What a fault test is: a fault, while applications ask for credentials without pause; what
 * every one of them was answered; and a row in the table that the run prints.
 */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import Table from "cli-table3";
import { format, resolveConfig } from "prettier";

import { CHECKOUT } from "../../lab/paths.js";
import { messageOf } from "../../migration/text/text.js";
import type { Stage } from "../../migration/stages.js";
import { stretchOf, type Scheduled } from "../support/faultSchedule.js";
import type { Shard } from "../support/shard.js";
import { readDurations, writeDurations } from "./durations.js";
import { tidyUp } from "./onWorker.js";
import { Session } from "./session.js";

export interface Fault {
  /** Stage at which the cluster is in order when the fault begins. */
  at: Stage;
  /** Stage at which it leaves the cluster, in order again; default: {@link Fault.at}. */
  leaves?: Stage;
  /**
   * Why requests may fail while it lasts: the fault itself takes the only path away. Unset: not
   * one may. A wrong identity never may.
   */
  mayFail?: string;
  /** Makes the cluster such that the fault can happen; what pods are answered meanwhile does not count. */
  setUp?: (session: Session) => Promise<void>;
  /** Makes the fault, mends it and asserts what came of it. @returns what was observed, in words */
  run: (session: Session) => Promise<string>;
}

interface Row {
  fault: string;
  /** What it took with the move to where it begins. */
  seconds: number;
  observed: string;
  requests: number;
  failed: number;
  wrong: number;
  longestGap: number;
  mayFail: string | undefined;
}

const rows: Row[] = [];
const declared: (Fault & Scheduled)[] = [];
let session: Promise<Session> | undefined;

/** Declares a fault; {@link testFaults} makes a test of it. */
export function fault(name: string, of: Fault): void {
  declared.push({ leaves: of.at, ...of, name });
}

/**
 * Makes a test of each fault that a shard has, in an order in which one begins where another has
 * left the cluster.
 */
export function testFaults(shard: Shard): void {
  for (const each of stretchOf(declared, readDurations(), shard)) testFault(each);
}

/**
 * A fault that fails is tried once more, because a machine that is short of processor time lets
 * any single request run into its limit; the table says so. A wrong identity is never tried again.
 */
function testFault(of: Fault & Scheduled): void {
  const { name } = of;
  let firstFailure: string | undefined;
  it(name, async function () {
    this.retries(1);
    try {
      const row = await make(of);
      const again = `at the second try; the first: ${firstFailure}`;
      rows.push(
        firstFailure === undefined ? row : { ...row, observed: `${row.observed} (${again})` },
      );
    } catch (error) {
      if (error instanceof WrongIdentity) this.retries(0);
      const message = messageOf(error);
      console.log(`    ${name}: ${message.slice(0, 2000)}`);
      firstFailure ??= message.slice(0, 200);
      throw error;
    }
  });
}

/** What must never happen, whatever the machine is short of. */
class WrongIdentity extends Error {}

async function make(of: Fault & Scheduled): Promise<Row> {
  const { name, at, leaves, mayFail, setUp, run } = of;
  session ??= Session.start();
  const lab = await session;
  const began = Date.now();
  await lab.begin(at);
  let from = Date.now();
  let observed: string;
  try {
    if (setUp !== undefined) {
      await setUp(lab);
      await lab.everybodyServed(Date.now());
    }
    from = Date.now();
    observed = await run(lab);
  } catch (error) {
    // The next fault must not suffer from this one.
    await tidyUp(lab);
    throw error;
  }
  assert.equal(lab.stage, leaves, "the stage at which it leaves the cluster");
  await lab.everybodyServed(Date.now());
  const answers = await lab.answers(from, Date.now());
  const examples = answers.examples.join("\n");
  if (answers.wrong > 0) throw new WrongIdentity(`wrong identities:\n${examples}`);
  assert.ok(answers.requests > 30, `only ${answers.requests} requests were made meanwhile`);
  if (mayFail === undefined) assert.equal(answers.failed, 0, `failed requests:\n${examples}`);
  return {
    fault: name,
    seconds: Math.round((Date.now() - began) / 1000),
    observed,
    requests: answers.requests,
    failed: answers.failed,
    wrong: answers.wrong,
    longestGap: Math.round(answers.longestGap),
    mayFail,
  };
}

after("the table of faults", async () => {
  if (rows.length === 0) return;
  console.log(`\n${asText()}`);
  if (process.env.KIAM_FAULTS_DOC !== "1") return;
  await writeDocument();
  await writeDurations(Object.fromEntries(rows.map(({ fault, seconds }) => [fault, seconds])));
});

function cells(row: Row): string[] {
  const recovery = row.failed > 0 ? `back after ${row.longestGap} ms` : `${row.longestGap} ms`;
  return [
    row.fault,
    row.observed + (row.mayFail === undefined ? "" : ` (${row.mayFail})`),
    String(row.requests),
    String(row.failed),
    String(row.wrong),
    recovery,
  ];
}

const heads = ["fault", "what was observed", "requests", "failed", "wrong", "longest gap"];

function asText(): string {
  const table = new Table({
    head: heads,
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [34, 60, 10, 8, 7, 14],
  });
  for (const row of rows) table.push(cells(row));
  return table.toString();
}

const begin = "<!-- table: written by KIAM_FAULTS_DOC=1 npm run test:faults -->";
const end = "<!-- end of table -->";

/** Writes what this run observed into the table in docs/faults.md; rows of other faults stay. */
async function writeDocument(): Promise<void> {
  const file = join(CHECKOUT, "docs", "faults.md");
  const text = await readFile(file, "utf8");
  const [before, rest] = text.split(begin);
  const [known, after] = rest?.split(end) ?? [];
  if (before === undefined || known === undefined || after === undefined) {
    throw new Error(`${file} has no place for it`);
  }
  const line = (parts: string[]) =>
    `| ${parts.map((part) => part.replaceAll("|", "\\|")).join(" | ")} |`;
  const lines = new Map(
    known
      .split("\n")
      .filter((each) => each.startsWith("|"))
      .slice(2)
      .map((each) => [each.split("|")[1]?.trim() ?? "", each]),
  );
  for (const row of rows) lines.set(row.fault, line(cells(row)));
  const table = [line(heads), line(heads.map(() => "---")), ...lines.values()];
  const written = `${before}${begin}\n\n${table.join("\n")}\n\n${end}${after}`;
  await writeFile(file, await format(written, { ...(await resolveConfig(file)), filepath: file }));
}
