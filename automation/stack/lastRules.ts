import type { Deployment } from "@pulumi/pulumi/automation";

import {
  backendRules,
  parseNodeReport,
  type BackendRules,
} from "../../migration/rules/nodeReport.js";
import { withPulumi } from "./pulumiFailure.js";
import { exportState, readableStack } from "./readableStack.js";
import { partsOfUrn } from "./urn.js";

interface StateResource {
  urn: string;
  outputs?: { stdout?: unknown };
}

/** The scripts that run on a worker at its cutover, in their order; the last one that ran counts. */
const scripts = ["cutover-removal", "cutover-rehearsal-removal"];

/** {@link lastRules} of a stack; none where it has never been updated. Reads only. */
export async function readLastRules(
  stackName: string,
  workDir: string,
): Promise<Record<string, BackendRules[]>> {
  const state = await withPulumi(stackName, workDir, async () =>
    exportState(await readableStack(stackName, workDir)),
  );
  return lastRules(state);
}

/**
 * Each worker's rules as the scripts of the last update left them, by worker, from the stack's
 * state. What changed them since (a reboot, a hand) does not show. Workers without such a script
 * in the state are left out.
 */
export function lastRules({ deployment }: Deployment): Record<string, BackendRules[]> {
  const { resources = [] } = (deployment ?? {}) as { resources?: StateResource[] };
  const rules: Record<string, BackendRules[]> = {};
  for (const script of scripts) {
    for (const { urn, outputs } of resources) {
      const { type, name } = partsOfUrn(urn);
      if (type !== "command:remote:Command" || !name.endsWith(`-${script}`)) continue;
      const left = rulesAfter(outputs?.stdout);
      if (left !== undefined) rules[name.slice(0, -`-${script}`.length)] = left;
    }
  }
  return rules;
}

function rulesAfter(stdout: unknown): BackendRules[] | undefined {
  try {
    return backendRules(parseNodeReport(String(stdout)).after);
  } catch {
    // Of another version of this program: then it is not known.
    return undefined;
  }
}
