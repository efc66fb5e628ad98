/** Something in the cluster that stands in the way of the stage that the settings ask for. */
export interface Finding {
  /** Stable, for searching and for scripts. */
  code: FindingCode;
  severity: "blocks" | "warns" | "informs";
  /** What it is about, such as `namespace/orders`. */
  object: string;
  seen: string;
  why: string;
  fix: string;
}

export type FindingCode =
  | "annotation-managed-elsewhere"
  | "default-role-lost"
  | "group-left-behind"
  | "group-unknown"
  | "host-key-unknown"
  | "interface-unknown"
  | "kube2iam-missing"
  | "kube2iam-on-server-node"
  | "namespace-missing"
  | "namespace-taken"
  | "no-server-node"
  | "no-worker"
  | "port-clash"
  | "prestop-hook"
  | "role-base-arn-unknown"
  | "role-not-assumable"
  | "role-not-permitted"
  | "role-on-server-node"
  | "rules-deviate"
  | "rules-unread"
  | "server-and-agent-on-one-node"
  | "single-server"
  | "startup-taint-keeps-kube2iam-off"
  | "taint-not-tolerated"
  | "taint-tolerated-by-kube2iam"
  | "worker-address-unknown"
  | "worker-goes-back"
  | "worker-left-out"
  | "worker-not-listed-in-cluster"
  | "worker-not-ready"
  | "worker-role-needed";

/** Stops an update before anything is touched, naming every blocking finding. */
export class AuditError extends Error {
  constructor(readonly findings: readonly Finding[]) {
    const count = findings.length === 1 ? "1 finding blocks" : `${findings.length} findings block`;
    super(
      `The audit has ${count} this stage; nothing was touched:\n${findings.map(describeFinding).join("\n")}`,
    );
    this.name = "AuditError";
  }
}

/** @throws AuditError where at least one finding blocks */
export function refuseBlocking(findings: readonly Finding[]): void {
  const blocking = findings.filter((finding) => finding.severity === "blocks");
  if (blocking.length > 0) throw new AuditError(blocking);
}

export function describeFinding(finding: Finding): string {
  return [
    `  - ${finding.object}: ${finding.seen} [${finding.code}]`,
    `      why: ${finding.why}`,
    `      fix: ${finding.fix}`,
  ].join("\n");
}
