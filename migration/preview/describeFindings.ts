import { someOf } from "../text/text.js";
import type { FindingCode } from "../audit/catalogue.js";
import type { Finding } from "../audit/finding.js";

/** Where a finding is explained, from the project's root. */
function findingPage(code: FindingCode): string {
  return `docs/findings.md#${code}`;
}

/** What is found of several objects in the same words. */
export type SharedFinding = Omit<Finding, "object"> & { objects: string[] };

/** Findings that differ by their object alone, together: what a thousand workers lack is read once. */
export function sameTogether(findings: readonly Finding[]): SharedFinding[] {
  const shared = new Map<string, SharedFinding>();
  for (const { object, ...rest } of findings) {
    const key = JSON.stringify([rest.code, rest.severity, rest.seen, rest.fix, rest.acknowledged]);
    const known = shared.get(key);
    if (known === undefined) shared.set(key, { ...rest, objects: [object] });
    else known.objects.push(object);
  }
  return [...shared.values()];
}

/** For people, each with its cause and cure; the names of all objects are in the findings themselves. */
export function describeFindings(findings: readonly Finding[]): string[] {
  return sameTogether(findings).map(describe);
}

function describe({ code, objects, seen, why, fix, acknowledged }: SharedFinding): string {
  return [
    `  - ${someOf(objects, 5)}: ${seen} [${code}]`,
    `      why: ${why}`,
    `      fix: ${fix}`,
    ...(acknowledged === undefined ? [] : [`      acknowledged: ${acknowledged}`]),
    `      see: ${findingPage(code)}`,
  ].join("\n");
}
