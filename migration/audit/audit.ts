import type { Situation } from "../situation/situation.js";
import { shownLine } from "../text/shown.js";
import { compareText } from "../text/text.js";
import { acknowledge } from "./acknowledge.js";
import { catalogueEntry } from "./catalogue.js";
import type { Finding } from "./finding.js";
import { inFull, type Judgement } from "./judgement.js";
import { auditKube2iam } from "./kube2iam/kube2iam.js";
import { auditInterfaces } from "./network/interfaces.js";
import { auditNetworkPolicies } from "./network/networkPolicies.js";
import { auditPorts } from "./network/ports.js";
import { auditRules } from "./network/rules.js";
import { auditCredentialsUse } from "./pods/credentialsUse.js";
import { auditDefaultRole } from "./pods/defaultRole.js";
import { auditKube2iamLog } from "./pods/kube2iamLog.js";
import { auditMetadataPaths } from "./pods/metadataPaths.js";
import { auditNamespaces } from "./roles/namespaces.js";
import { auditPermittedPatterns } from "./roles/permittedPatterns.js";
import { auditRoles } from "./roles/roles.js";
import { auditServerRole } from "./roles/serverRole.js";
import { auditTrust } from "./roles/trust.js";
import { auditCaPath } from "./servers/caPath.js";
import { auditCertificates } from "./servers/certificates.js";
import { auditKiamItself } from "./servers/kiamItself.js";
import { auditServers } from "./servers/servers.js";
import { auditGroups } from "./workers/groups.js";
import { auditNewNodes } from "./workers/newNodes.js";
import { auditOutsideNodes } from "./workers/outsideNodes.js";
import { auditWorkersOverSsh } from "./workers/overSsh.js";
import { auditWorkers } from "./workers/workers.js";

/** Each judges one subject. Their order does not matter. */
const judges: readonly ((situation: Situation) => Judgement[])[] = [
  auditCaPath,
  auditCertificates,
  auditCredentialsUse,
  auditDefaultRole,
  auditGroups,
  auditInterfaces,
  auditKiamItself,
  auditKube2iam,
  auditKube2iamLog,
  auditMetadataPaths,
  auditNamespaces,
  auditNetworkPolicies,
  auditNewNodes,
  auditOutsideNodes,
  auditPermittedPatterns,
  auditPorts,
  auditRoles,
  auditRules,
  auditServerRole,
  auditServers,
  auditTrust,
  auditWorkers,
  auditWorkersOverSsh,
];

/**
 * Judges the cluster against the settings. Pure; sorted by severity, code and object, with what
 * settings acknowledge marked so.
 */
export function audit(situation: Situation): Finding[] {
  const { settings, facts, goesBack } = situation;
  const found = judges.flatMap((judge) => judge(situation)).map(inFull);
  // Names and values of the cluster are in them: from here on they can be shown.
  const presentable = found.map(({ code, severity, object, seen, why, fix }): Finding => ({
    code,
    severity:
      goesBack && severity === "blocks" && catalogueEntry(code).onlyForward ? "warns" : severity,
    object: shownLine(object),
    seen: shownLine(seen),
    why: shownLine(why),
    fix: shownLine(fix),
  }));
  const rank = { blocks: 0, warns: 1, informs: 2 };
  return acknowledge(presentable, settings, facts).sort(
    (a, b) =>
      rank[a.severity] - rank[b.severity] ||
      compareText(a.code, b.code) ||
      compareText(a.object, b.object),
  );
}
