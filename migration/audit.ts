import { acknowledge } from "./audit/acknowledge.js";
import type { Finding } from "./audit/finding.js";
import { auditKube2iam } from "./audit/kube2iam.js";
import { auditGroups } from "./audit/groups.js";
import { auditKiamItself } from "./audit/kiamItself.js";
import { auditNamespaces } from "./audit/namespaces.js";
import { auditNewNodes } from "./audit/newNodes.js";
import { auditPermittedPatterns } from "./audit/permittedPatterns.js";
import { auditPods } from "./audit/pods.js";
import { auditCaPath } from "./audit/caPath.js";
import { auditCertificates } from "./audit/certificates.js";
import { lettingBack } from "./situation/goingBack.js";
import { auditInterfaces } from "./audit/interfaces.js";
import { auditOutsideNodes } from "./audit/outsideNodes.js";
import { auditNetworkPolicies } from "./audit/networkPolicies.js";
import { auditPodSecurity } from "./audit/podSecurity.js";
import { auditPorts } from "./audit/ports.js";
import { auditRoles } from "./audit/roles.js";
import { auditRules } from "./audit/rules.js";
import { auditServerRole } from "./audit/serverRole.js";
import { auditServers } from "./audit/servers.js";
import { auditTrust } from "./audit/trust.js";
import { auditWorkers } from "./audit/workers.js";
import { auditWorkersOverSsh } from "./audit/workersOverSsh.js";
import type { ClusterFacts } from "./facts/clusterFacts.js";
import { compareText } from "./text/compareText.js";
import type { Settings } from "./settings/schema.js";
import { shownLine } from "./text/shown.js";

/**
 * Judges the cluster against the settings. Pure; sorted by severity, code and object, with what
 * settings acknowledge marked so.
 */
export function audit(settings: Settings, facts: ClusterFacts): Finding[] {
  const found = [
    ...auditCaPath(settings, facts),
    ...auditCertificates(settings, facts),
    ...auditGroups(settings, facts),
    ...auditInterfaces(settings, facts),
    ...auditKiamItself(),
    ...auditKube2iam(settings, facts),
    ...auditNamespaces(settings, facts),
    ...auditNewNodes(settings, facts),
    ...auditPermittedPatterns(settings, facts),
    ...auditPods(settings, facts),
    ...auditNetworkPolicies(settings, facts),
    ...auditOutsideNodes(settings, facts),
    ...auditPodSecurity(settings, facts),
    ...auditPorts(settings, facts),
    ...auditRoles(settings, facts),
    ...auditRules(settings, facts),
    ...auditServerRole(settings, facts),
    ...auditServers(settings, facts),
    ...auditTrust(settings, facts),
    ...auditWorkers(settings, facts),
    ...auditWorkersOverSsh(settings, facts),
  ];
  // Names and values of the cluster are in them: from here on they can be shown.
  const presentable = found.map(({ object, seen, why, fix, ...rest }): Finding => ({
    ...rest,
    object: shownLine(object),
    seen: shownLine(seen),
    why: shownLine(why),
    fix: shownLine(fix),
  }));
  const findings = acknowledge(lettingBack(presentable, settings, facts), settings, facts);
  const rank = { blocks: 0, warns: 1, informs: 2 };
  return findings.sort(
    (a, b) =>
      rank[a.severity] - rank[b.severity] ||
      compareText(a.code, b.code) ||
      compareText(a.object, b.object),
  );
}
