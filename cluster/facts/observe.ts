import type { KubeConfig } from "@kubernetes/client-node";

import { readRuleStates } from "../rules/ruleStates.js";
import { allOf } from "../kubernetes/api.js";
import type { CertificateFacts, ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { effectiveKube2iam } from "../../migration/kube2iam/effective.js";
import { kubeConfig } from "../kubernetes/kubeConfig.js";
import { reaching } from "../kubernetes/reaching.js";
import { readClusterFacts } from "./readCluster.js";
import type { Settings } from "../../migration/settings/schema.js";
import { readCertificates } from "./certificates.js";
import { gateTarget } from "../../migration/situation/target.js";

/**
 * Everything that plan and audit need to know of the cluster, the workers' rules included.
 * Changes nothing.
 *
 * @throws ContactError where the API refuses or cannot be reached
 */
export async function observe(settings: Settings): Promise<ClusterFacts> {
  const config = await kubeConfig(settings.kubernetes.context);
  return reaching(config, () => observeBy(config, settings));
}

async function observeBy(config: KubeConfig, settings: Settings): Promise<ClusterFacts> {
  const [cluster, certificates] = await allOf([
    readClusterFacts(config, settings),
    readCertificates(config, settings.kiam),
  ]);
  const facts = { ...cluster, certificates: readable(certificates, cluster, settings) };
  const kube2iam = effectiveKube2iam(settings, facts);
  // Then there is no plan: the audit says so.
  if (kube2iam.interface === undefined || kube2iam.unusable.length > 0) return facts;
  const target = gateTarget(settings, { ...kube2iam, interface: kube2iam.interface });
  return { ...facts, rules: await readRuleStates(facts, { ...target, timeoutSeconds: 30 }) };
}

/** Before kiam's namespace is there no right can be given in it, and there is nothing to read. */
function readable(
  certificates: CertificateFacts[],
  { namespaces }: Pick<ClusterFacts, "namespaces">,
  { kiam }: Settings,
): CertificateFacts[] {
  return namespaces.some(({ name }) => name === kiam.namespace)
    ? certificates
    : certificates.filter((each) => !("unread" in each));
}
