import { acknowledge } from "./acknowledge.js";
import type { Finding } from "./finding.js";
import { auditKube2iam } from "./kube2iam/kube2iam.js";
import { auditGroups } from "./groups.js";
import { auditKiamItself } from "./servers/kiamItself.js";
import { auditNamespaces } from "./pods/namespaces.js";
import { auditNewNodes } from "./workers/newNodes.js";
import { auditPermittedPatterns } from "./pods/permittedPatterns.js";
import { auditCredentialsUse } from "./kube2iam/credentialsUse.js";
import { auditDefaultRole } from "./kube2iam/defaultRole.js";
import { auditKube2iamLog } from "./kube2iam/log.js";
import { auditHostNetwork } from "./network/hostNetwork.js";
import { auditMetadataPaths } from "./network/metadataPaths.js";
import { inFull } from "./judgement.js";
import { auditCaPath } from "./servers/caPath.js";
import { auditCertificates } from "./servers/certificates.js";
import { lettingBack } from "../situation/goingBack.js";
import { auditInterfaces } from "./network/interfaces.js";
import { auditOutsideNodes } from "./workers/outsideNodes.js";
import { auditNetworkPolicies } from "./network/networkPolicies.js";
import { auditPodSecurity } from "./pods/podSecurity.js";
import { auditPorts } from "./network/ports.js";
import { auditRoles } from "./roles/roles.js";
import { auditRules } from "./network/rules.js";
import { auditServerRole } from "./roles/serverRole.js";
import { auditServers } from "./servers/servers.js";
import { auditTrust } from "./roles/trust.js";
import { auditWorkers } from "./workers/workers.js";
import { auditWorkersOverSsh } from "./workers/overSsh.js";
import type { ClusterFacts } from "../facts/clusterFacts.js";
import { compareText } from "../text/text.js";
import type { Settings } from "../settings/schema.js";
import { shownLine } from "../text/shown.js";

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
    ...auditCredentialsUse(settings, facts),
    ...auditDefaultRole(settings, facts),
    ...auditHostNetwork(facts),
    ...auditKube2iamLog(settings, facts),
    ...auditMetadataPaths(settings, facts),
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
  const presentable = found.map(inFull).map(({ object, seen, why, fix, ...rest }): Finding => ({
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
