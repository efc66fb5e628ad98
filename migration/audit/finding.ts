import { count } from "../text/text.js";
import type { FindingCode } from "./catalogue.js";
import { describeFindings } from "../preview/describeFindings.js";
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
  /** Why somebody has acknowledged it (setting audit.acknowledged): it blocks no more. */
  acknowledged?: string;
}

export function isBlocking(finding: Finding): boolean {
  return finding.severity === "blocks" && finding.acknowledged === undefined;
}

/** Stops an update before anything is touched, naming every blocking finding. */
export class AuditError extends Error {
  constructor(readonly findings: readonly Finding[]) {
    const number = count(findings.length, "finding");
    super(
      `The audit has ${number} that ${findings.length === 1 ? "blocks" : "block"} this stage; nothing was touched:\n${describeFindings(findings).join("\n")}`,
    );
    this.name = "AuditError";
  }
}

/** @throws AuditError where at least one finding blocks */
export function refuseBlocking(findings: readonly Finding[]): void {
  const blocking = findings.filter(isBlocking);
  if (blocking.length > 0) throw new AuditError(blocking);
}
