import {
  agentNotReadyTaint,
  kiamOnlyTaint,
  type ClusterFacts,
  type Kube2iamFacts,
  type Taint,
} from "../clusterFacts.js";
import { untolerated } from "../nodeSelection.js";
import type { Settings } from "../settings.js";
import { reaches } from "../stages.js";
import type { Finding } from "./finding.js";
import { kube2iamObject } from "./kube2iamObject.js";

/** What the taints of new nodes mean for kube2iam, as long as it is there. */
export function auditNewNodes(
  { stage, newNodes }: Settings,
  { kube2iam }: Pick<ClusterFacts, "kube2iam">,
): Finding[] {
  if (kube2iam === undefined) return [];
  const object = kube2iamObject(kube2iam);
  const findings: Finding[] = [];
  if (
    newNodes.keepKube2iamOff === "taint" &&
    reaches(stage, "cutover") &&
    tolerates(kube2iam, kiamOnlyTaint)
  ) {
    findings.push({
      code: "taint-tolerated-by-kube2iam",
      severity: "blocks",
      object,
      seen: `its pods tolerate ${kiamOnlyTaint.key}=${kiamOnlyTaint.value}:${kiamOnlyTaint.effect} (tolerations ${JSON.stringify(kube2iam.tolerations)})`,
      why: "the taint would not keep kube2iam off new nodes, as newNodes.keepKube2iamOff: taint asks for",
      fix: "set newNodes.keepKube2iamOff to label, which works whatever kube2iam tolerates, or narrow kube2iam's tolerations (with updateStrategy OnDelete, so that no pod restarts)",
    });
  }
  if (
    newNodes.startupTaint &&
    reaches(stage, "agent") &&
    !reaches(stage, "retire") &&
    !tolerates(kube2iam, agentNotReadyTaint)
  ) {
    findings.push({
      code: "startup-taint-keeps-kube2iam-off",
      severity: "informs",
      object,
      seen: `its pods do not tolerate ${agentNotReadyTaint.key}:${agentNotReadyTaint.effect}`,
      why: "on a node that registers with this taint kube2iam starts after kiam's agent, so that kiam's rule comes first and kiam supplies that node from its first pod on, at every stage",
      fix: "nothing, if that is fine; otherwise let kube2iam tolerate the taint (with updateStrategy OnDelete, so that no pod restarts)",
    });
  }
  return findings;
}

function tolerates({ tolerations }: Kube2iamFacts, taint: Taint): boolean {
  return untolerated({ taints: [taint] }, tolerations).length === 0;
}
