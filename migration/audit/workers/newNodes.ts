import {
  agentNotReadyTaint,
  kiamOnlyTaint,
  type ClusterFacts,
  type Kube2iamFacts,
  type Taint,
} from "../../facts/clusterFacts.js";
import { untolerated } from "../../situation/nodeSelection.js";
import type { Settings } from "../../settings/schema.js";
import { reaches } from "../../stages.js";
import type { Finding } from "../finding.js";
import { kube2iamObject } from "../kube2iam/object.js";
import { blocksFrom } from "../severityFrom.js";

/** What happens to nodes that are born during the migration and after it. */
export function auditNewNodes(
  settings: Settings,
  { kube2iam, admissionPolicies }: Pick<ClusterFacts, "kube2iam" | "admissionPolicies">,
): Finding[] {
  return [
    ...unguarded(settings),
    ...(admissionPolicies ? [] : unconfined(settings)),
    ...archivedImage(settings),
    ...(kube2iam === undefined ? [] : taints(settings, kube2iam)),
  ];
}

/** Once kube2iam is gone nothing else stands between a pod that is faster than kiam's agent and the node's role. */
function unguarded(settings: Settings): Finding[] {
  const { keepKube2iamOff, startupTaint, guardedBy } = settings.newNodes;
  if (!reaches(settings.stage, "cutover")) return [];
  if (keepKube2iamOff !== "none" || startupTaint || guardedBy !== "none") return [];
  return [
    {
      code: "new-nodes-unguarded",
      severity: blocksFrom("retire", settings),
      object: "cluster",
      seen: "nothing in newNodes says what keeps pods on a new or rebooted node from starting before kiam's agent",
      why: "until the agent has written its rule there, such a pod reads the node's own role from instance metadata, and its SDK keeps that for hours",
      fix: "set newNodes.startupTaint, or put the boot guard or hop limit 1 into the workers' node groups and say so with newNodes.guardedBy (docs/new-nodes.md)",
    },
  ];
}

/** What takes the startup taint off has to be allowed to patch nodes; only a policy narrows that. */
function unconfined(settings: Settings): Finding[] {
  if (!settings.newNodes.startupTaint) return [];
  return [
    {
      code: "startup-taint-unconfined",
      severity: blocksFrom("agent", settings),
      object: "newNodes.startupTaint",
      seen: "the API server has no ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1, from Kubernetes 1.30 on)",
      why: "the account that takes the taint off may then change every label, annotation and taint of every node, also those by which this program knows what was moved",
      fix: "upgrade the cluster, turn newNodes.startupTaint off and use the boot guard or hop limit 1 (docs/new-nodes.md), or acknowledge it: the Deployment then runs without that limit",
    },
  ];
}

/** Where kiam's authors published its images; nothing is published, or promised, there any more. */
const archivedRepositories = ["quay.io/uswitch/kiam", "docker.io/uswitch/kiam", "uswitch/kiam"];

/** A digest is what was pulled before, and still goes when its registry does; a tag can also change hands. */
function archivedImage({ stage, kiam: { image } }: Settings): Finding[] {
  const [tagged = "", digest] = image.split("@");
  const repository = tagged.replace(/:[^:/]*$/, "");
  if (!reaches(stage, "retire") || digest !== undefined) return [];
  if (!archivedRepositories.includes(repository)) return [];
  return [
    {
      code: "image-of-archived-project",
      severity: "warns",
      object: "kiam.image",
      seen: `${image} is a tag at a registry path whose project is archived`,
      why: "a node that joins once the tag is gone gets no agent, and its pods get no credentials; and nobody promises that the tag keeps its content",
      fix: "copy the image to a registry of your own and set kiam.image to it, by digest; acknowledge this where your nodes pull through a mirror that keeps it",
    },
  ];
}

/** What the taints of new nodes mean for kube2iam, as long as it is there. */
function taints({ stage, newNodes }: Settings, kube2iam: Kube2iamFacts): Finding[] {
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
