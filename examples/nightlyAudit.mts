/*
 * Audits stacks, and writes what was found into a file of JSON for each:
 * node examples/nightlyAudit.mts reports staging production
 *
 * Exit code 1: something new stands in the way, as against the report of the night before.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { audit, openStack, type AuditReport, type Finding } from "kube2iam-to-kiam";

const [reports = "reports", ...stacks] = process.argv.slice(2);

const nameOf = ({ code, object }: Finding) => `${code} on ${object}`;

async function namesOfLastNight(file: string): Promise<Set<string>> {
  try {
    const { blocking } = JSON.parse(await readFile(file, "utf8")) as AuditReport;
    return new Set(blocking.map(nameOf));
  } catch {
    return new Set(); // The first night.
  }
}

await mkdir(reports, { recursive: true });
for (const name of stacks) {
  const file = join(reports, `${name}.json`);
  const known = await namesOfLastNight(file);
  try {
    const report = await audit(await openStack({ stack: name }), { stage: "retire" });
    await writeFile(file, JSON.stringify(report, undefined, 2));
    const fresh = report.blocking.map(nameOf).filter((finding) => !known.has(finding));
    for (const finding of fresh) console.log(`${name}: ${finding}`);
    if (fresh.length > 0) process.exitCode = 1;
  } catch (error) {
    // One cluster that cannot be looked at keeps no other from being looked at.
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
