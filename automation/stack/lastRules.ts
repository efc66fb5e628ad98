import type { Deployment } from "@pulumi/pulumi/automation";

import {
  backendRules,
  parseNodeReport,
  type BackendRules,
} from "../../migration/rules/nodeReport.js";
import { own } from "../../migration/text/text.js";
import { openWorkspace } from "./stackConfig.js";

interface StateResource {
  urn: string;
  type: string;
  outputs?: { stdout?: unknown };
}

/** The scripts that run on a worker at its cutover, in their order; the last one that ran counts. */
const scripts = ["cutover-removal", "cutover-rehearsal-removal"];

/** {@link lastRules} of a stack; none where it has never been updated. Reads only. */
export async function readLastRules(
  stackName: string,
  workDir: string,
): Promise<Record<string, BackendRules[]>> {
  const workspace = await openWorkspace(workDir);
  return lastRules(await workspace.exportStack(stackName));
}

/**
 * Each worker's rules as the scripts of the last update left them, by worker, from the stack's
 * state. What changed them since (a reboot, a hand) does not show. Workers without such a script
 * in the state are left out.
 */
export function lastRules(deployment: Deployment): Record<string, BackendRules[]> {
  const { resources = [] } = (deployment.deployment ?? {}) as { resources?: StateResource[] };
  const rules: Record<string, { rank: number; rules: BackendRules[] }> = {};
  for (const { urn, type, outputs } of resources) {
    if (type !== "command:remote:Command" || typeof outputs?.stdout !== "string") continue;
    const name = urn.slice(urn.lastIndexOf("::") + 2);
    const rank = scripts.findIndex((script) => name.endsWith(`-${script}`));
    if (rank < 0) continue;
    const worker = name.slice(0, -`-${scripts[rank]}`.length);
    const report = reportOf(outputs.stdout);
    if (report === undefined || (own(rules, worker)?.rank ?? -1) > rank) continue;
    rules[worker] = { rank, rules: backendRules(report.after) };
  }
  return Object.fromEntries(Object.entries(rules).map(([worker, each]) => [worker, each.rules]));
}

function reportOf(stdout: string) {
  try {
    return parseNodeReport(stdout);
  } catch {
    // Of another version of this program: then it is not known.
    return undefined;
  }
}
