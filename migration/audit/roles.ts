import type { ClusterFacts } from "../clusterFacts.js";
import { effectiveKube2iam, effectiveRoleBaseArn } from "../effectiveKube2iam.js";
import { matchesIamPattern } from "../iamPattern.js";
import { isPermitted, resolveRoleArn } from "../permitted.js";
import type { Settings } from "../settings.js";
import type { Finding } from "./finding.js";

/** Roles that pods use: permitted by their namespace, and within what the kiam-server role may assume. */
export function auditRoles(settings: Settings, facts: ClusterFacts): Finding[] {
  const base = effectiveRoleBaseArn(settings, effectiveKube2iam(settings, facts));
  if (base === undefined) return [];
  const findings: Finding[] = [];
  const assumable = settings.iam.assumableRoles ?? [`${base}*`];
  const roles = new Map<string, { arn: string; namespaces: Set<string>; pods: string[] }>();
  for (const pod of facts.pods) {
    if (pod.role === undefined || pod.role === "" || pod.hostNetwork) continue;
    const arn = resolveRoleArn(pod.role, base);
    const permitted =
      settings.namespaces[pod.namespace]?.permitted ??
      facts.namespaces.find((each) => each.name === pod.namespace)?.permitted;
    const key = `${pod.namespace} ${arn}`;
    const known = roles.get(key) ?? { arn, namespaces: new Set([pod.namespace]), pods: [] };
    known.pods.push(pod.name);
    roles.set(key, known);
    if (known.pods.length > 1 || isPermitted(permitted, arn)) continue;
    findings.push({
      code: "role-not-permitted",
      severity: "blocks",
      object: `namespace/${pod.namespace}`,
      seen:
        permitted === undefined || permitted === ""
          ? `pods use ${arn}, and the namespace has no iam.amazonaws.com/permitted`
          : `pods use ${arn}, which ${JSON.stringify(permitted)} does not match`,
      why: "kiam gives a pod a role only if its namespace permits it; these pods would fail from the cutover on",
      fix: `set namespaces.${pod.namespace}.permitted to an expression that matches ${arn}`,
    });
  }
  const reported = new Set<string>();
  for (const { arn, pods, namespaces } of roles.values()) {
    if (reported.has(arn) || assumable.some((pattern) => matchesIamPattern(pattern, arn))) continue;
    reported.add(arn);
    findings.push({
      code: "role-not-assumable",
      severity: "blocks",
      object: `role/${arn}`,
      seen: `pods use it (${[...namespaces][0]}/${pods[0]}), and iam.assumableRoles does not cover it`,
      why: "the kiam-server role would lack sts:AssumeRole on it: AccessDenied for these pods from the cutover on",
      fix: "add it to iam.assumableRoles",
    });
  }
  return findings;
}
