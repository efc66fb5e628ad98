import type { ClusterFacts } from "../../facts/clusterFacts.js";
import type { Settings } from "../../settings/schema.js";
import { auditCredentialsUse } from "../kube2iam/credentialsUse.js";
import { auditDefaultRole } from "../kube2iam/defaultRole.js";
import type { Finding } from "../finding.js";
import { auditHostNetwork } from "../network/hostNetwork.js";
import { auditKube2iamLog } from "../kube2iam/log.js";
import { auditMetadataPaths } from "../network/metadataPaths.js";

/** What pods do today that will be different under kiam. */
export function auditPods(settings: Settings, facts: ClusterFacts): Finding[] {
  return [
    ...auditCredentialsUse(settings, facts),
    ...auditDefaultRole(settings, facts),
    ...auditHostNetwork(facts),
    ...auditKube2iamLog(settings, facts),
    ...auditMetadataPaths(settings, facts),
  ];
}
