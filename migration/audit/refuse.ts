import { describeFindings } from "../preview/describeFindings.js";
import { count } from "../text/text.js";
import { isBlocking, type Finding } from "./finding.js";

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
