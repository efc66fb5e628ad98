import Table from "cli-table3";

import { describeFindings } from "../../migration/preview/describeFindings.js";
import { isBlocking, type Finding } from "../../migration/audit/finding.js";
import { count } from "../../migration/text/text.js";
import type { AuditAnswer } from "../../automation/look/auditStack.js";
import type { PodVerdict } from "../../migration/situation/podVerdicts.js";
import { shownLine } from "../../migration/text/shown.js";

/** The answer for people: findings, pods, and last the line that says whether it may go on. */
export function auditAsText(answer: AuditAnswer): string {
  return [
    ...findingsAsText(answer.findings),
    ...podsAsText(answer.pods),
    "",
    conclusion(answer),
  ].join("\n");
}

function findingsAsText(findings: readonly Finding[]): string[] {
  const groups = [
    { title: "Stands in the way", of: findings.filter(isBlocking) },
    { title: "To be looked at", of: findings.filter((each) => each.severity === "warns") },
    { title: "To be known", of: findings.filter((each) => each.severity === "informs") },
    {
      title: "Would stand in the way, and was acknowledged",
      of: findings.filter((each) => each.severity === "blocks" && !isBlocking(each)),
    },
  ];
  return groups.flatMap(({ title, of }) =>
    of.length === 0 ? [] : [`${title} (${of.length}):`, ...describeFindings(of), ""],
  );
}

function podsAsText(pods: readonly PodVerdict[]): string[] {
  if (pods.length === 0) return ["No pod uses a role."];
  const table = new Table({
    head: ["namespace", "role", "pods", "under kiam", "because"],
    style: { head: [], border: [] },
    wordWrap: true,
    wrapOnWordBoundary: false,
    colWidths: [null, 50, null, null, 50],
  });
  for (const { namespace, role, verdict, because, pods: names } of pods) {
    table.push(
      [namespace, role ?? "-", String(names.length), verdict, because.join("; ")].map((each) =>
        shownLine(each),
      ),
    );
  }
  return [table.toString()];
}

/** What an audit left out, in words. */
export function notLookedAt({ iam, log, ssh }: AuditAnswer["lookedAt"]): string[] {
  return [
    ...(iam ? [] : ["IAM"]),
    ...(log ? [] : ["kube2iam's log"]),
    ...(ssh
      ? []
      : ["the workers over SSH (--no-ssh, or no ssh.privateKey or ssh.agentSocketPath is set)"]),
  ];
}

function conclusion({ stack, stage, findings, lookedAt }: AuditAnswer): string {
  const blocking = findings.filter(isBlocking).length;
  const skipped = notLookedAt(lookedAt);
  const left = skipped.length === 0 ? "" : ` Not looked at: ${skipped.join(", ")}.`;
  return blocking === 0
    ? `Nothing stands in the way of stack ${stack} at stage ${stage}.${left}`
    : `${count(blocking, "finding")} ${blocking === 1 ? "stands" : "stand"} in the way of stack ${stack} at stage ${stage}.${left}`;
}
