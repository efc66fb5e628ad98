import {
  agentNotReadyTaint,
  kiamOnlyTaint,
  type Kube2iamFacts,
  type Taint,
} from "../../facts/clusterFacts.js";
import { untolerated } from "../../situation/nodeSelection.js";
import type { Settings } from "../../settings/schema.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import { blocksFrom, kube2iamObject, type Judgement } from "../judgement.js";

/** What happens to nodes that are born during the migration and after it. */
export function auditNewNodes({ settings, facts }: Situation): Judgement[] {
  const { kube2iam, admissionPolicies } = facts;
  return [
    ...unguarded(settings),
    ...(admissionPolicies ? [] : unconfined(settings)),
    ...(kube2iam === undefined ? [] : taints(settings, kube2iam)),
  ];
}

/** Once kube2iam is gone nothing else stands between a pod that is faster than kiam's agent and the node's role. */
function unguarded(settings: Settings): Judgement[] {
  const { keepKube2iamOff, startupTaint, guardedBy } = settings.newNodes;
  if (!reaches(settings.stage, "cutover")) return [];
  if (keepKube2iamOff !== "none" || startupTaint || guardedBy !== "none") return [];
  return [
    {
      code: "new-nodes-unguarded",
      severity: blocksFrom("retire", settings),
      object: "cluster",
      seen: "nothing in newNodes says what keeps pods on a new or rebooted node from starting before kiam's agent",
    },
  ];
}

/** What takes the startup taint off has to be allowed to patch nodes; only a policy narrows that. */
function unconfined(settings: Settings): Judgement[] {
  if (!settings.newNodes.startupTaint) return [];
  return [
    {
      code: "startup-taint-unconfined",
      severity: blocksFrom("agent", settings),
      object: "newNodes.startupTaint",
      seen: "the API server has no ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1, from Kubernetes 1.30 on)",
    },
  ];
}

/** What the taints of new nodes mean for kube2iam, as long as it is there. */
function taints({ stage, newNodes }: Settings, kube2iam: Kube2iamFacts): Judgement[] {
  const object = kube2iamObject(kube2iam);
  const findings: Judgement[] = [];
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
    });
  }
  return findings;
}

function tolerates({ tolerations }: Kube2iamFacts, taint: Taint): boolean {
  return untolerated({ taints: [taint] }, tolerations).length === 0;
}
