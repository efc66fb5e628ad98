import { workerLabel, type ClusterFacts } from "../clusterFacts.js";
import { isProven, parseCutoverRecord } from "../cutoverRecord.js";
import type { Settings } from "../settings.js";
import { reaches } from "../stages.js";
import type { FindingCode } from "./catalogue.js";
import type { Finding } from "./finding.js";

/**
 * Findings that keep kiam from supplying roles. An update that goes back from kiam is not stopped by
 * them: they may be the very reason for going back.
 */
const aboutKiam: ReadonlySet<FindingCode> = new Set([
  "agent-port-in-use",
  "allow-route-regexp-invalid",
  "assume-role-refused",
  "ca-path-wrong",
  "certificate-expires",
  "certificate-invalid",
  "default-role-lost",
  "iam-unread",
  "interface-missing",
  "masters-may-not-assume-server",
  "metadata-path-refused",
  "network-policy-blocks-agent",
  "permitted-invalid",
  "pod-security-rejects-kiam",
  "role-does-not-trust-server",
  "role-missing",
  "role-not-assumable",
  "role-not-permitted",
  "role-trusts-only-workers",
  "server-port-in-use",
  "server-role-may-not-assume",
  "server-role-missing",
  "server-unreachable",
  "taint-not-tolerated",
  "trust-names-gone-role",
  "trust-unclear",
  "worker-cannot-run-agent",
]);

/** Whether an update that goes back is stopped by it all the same. */
export function stopsGoingBack(code: FindingCode): boolean {
  return !aboutKiam.has(code);
}

/** What blocks only the way forward warns where the settings ask for an earlier stage than is reached. */
export function lettingBack(
  findings: readonly Finding[],
  settings: Settings,
  facts: ClusterFacts,
): Finding[] {
  if (!goesBack(settings, facts)) return [...findings];
  return findings.map((finding) =>
    finding.severity === "blocks" && !stopsGoingBack(finding.code)
      ? { ...finding, severity: "warns" }
      : finding,
  );
}

/** Whether kiam supplies a worker: its cutover was proven. */
export function kiamSupplies({ nodes }: Pick<ClusterFacts, "nodes">): boolean {
  return nodes.some((node) => isProven(parseCutoverRecord(node.cutoverAnnotation)));
}

function goesBack({ stage }: Settings, facts: ClusterFacts): boolean {
  if (!reaches(stage, "agent")) return facts.nodes.some((node) => workerLabel in node.labels);
  if (!reaches(stage, "cutover")) return kiamSupplies(facts);
  return !reaches(stage, "retire") && facts.kube2iam === undefined && facts.recorded !== undefined;
}
