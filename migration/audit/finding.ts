import type { FindingCode } from "./catalogue.js";
import type { Severity } from "./entry.js";

/** Something in the cluster that stands in the way of the stage that the settings ask for. */
export interface Finding {
  code: FindingCode;
  severity: Severity;
  /** What it is about, such as `namespace/orders`. */
  object: string;
  seen: string;
  why: string;
  fix: string;
  /** Why the operator has acknowledged it (setting audit.acknowledged): it blocks no more. */
  acknowledged?: string;
}

export function isBlocking(finding: Finding): boolean {
  return finding.severity === "blocks" && finding.acknowledged === undefined;
}
