import { appendFileSync, existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/*
 * What was skipped and why, kept in a file: test files run in several processes, and the end of
 * the run is in yet another.
 */

const variable = "KIAM_TEST_SKIPS";

/** Called once, before any test. */
export function collectSkips(): void {
  process.env[variable] ??= join(mkdtempSync(join(tmpdir(), "kiam-tests-")), "skips.jsonl");
}

export function recordSkip(reason: string, test: string): void {
  const file = process.env[variable];
  if (file === undefined) console.log(`skipped, ${reason}: ${test}`);
  else appendFileSync(file, `${JSON.stringify({ reason, test })}\n`);
}

/** Reasons of everything skipped so far, each with the tests it concerns. */
export function skipReasons(): Map<string, string[]> {
  const file = process.env[variable];
  const reasons = new Map<string, string[]>();
  if (file === undefined || !existsSync(file)) return reasons;
  for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
    const { reason, test } = JSON.parse(line) as { reason: string; test: string };
    reasons.set(reason, [...(reasons.get(reason) ?? []), test]);
  }
  return reasons;
}
