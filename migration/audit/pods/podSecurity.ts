import type { ClusterFacts } from "../../facts/clusterFacts.js";
import type { Settings } from "../../settings/schema.js";
import { blocksFrom, type Judgement } from "../judgement.js";

const enforceLabel = "pod-security.kubernetes.io/enforce";

/**
 * Whether PodSecurity admission lets kiam's pods in: they need host paths, the host's network and
 * NET_ADMIN. This program sets the label when it creates kiam's namespace; a hand can change it
 * without a trace in the stack. Probe pods satisfy the strictest level (gates/probe/probePod.ts), so
 * their namespace may enforce any.
 */
export function auditPodSecurity(
  settings: Settings,
  facts: Pick<ClusterFacts, "namespaces">,
): Judgement[] {
  const { namespace } = settings.kiam;
  const level = facts.namespaces.find((each) => each.name === namespace)?.labels[enforceLabel];
  if (level === undefined || level === "privileged") return [];
  return [
    {
      code: "pod-security-rejects-kiam",
      severity: blocksFrom("server", settings),
      object: `namespace/${namespace}`,
      seen: `its label ${enforceLabel} is ${level}`,
      fix: `kubectl label namespace ${namespace} ${enforceLabel}=privileged --overwrite, and find out who changed it`,
    },
  ];
}
