import type { ClusterFacts } from "../facts/clusterFacts.js";
import { isCutOver } from "../plan/cutoverRecord.js";
import { mayMove, nodeGroups, workerNodes } from "../situation/nodeSelection.js";
import type { Settings } from "../settings/schema.js";
import { reaches } from "../stages.js";
import type { Finding } from "./finding.js";

/** Node groups that the settings move, and those they leave. */
export function auditGroups(settings: Settings, facts: ClusterFacts): Finding[] {
  const { groups } = settings.workers;
  if (groups === undefined) return [];
  const workers = workerNodes(settings, facts.nodes);
  const known = [...new Set(workers.flatMap(nodeGroups))].sort();
  const findings = groups
    .filter((group) => !known.includes(group))
    .map((group): Finding => ({
      code: "group-unknown",
      severity: "blocks",
      object: `nodegroup/${group}`,
      seen: `workers.groups names it, and no worker is labelled with it (there are: ${known.join(", ") || "none"})`,
      why: "a misspelt group would move nobody, and look like success",
      fix: "name a group as its nodes' label has it: kops.k8s.io/instancegroup, eks.amazonaws.com/nodegroup, alpha.eksctl.io/nodegroup-name or karpenter.sh/nodepool",
    }));
  for (const node of workers) {
    if (mayMove(settings, node)) continue;
    const object = `node/${node.name}`;
    if (reaches(settings.stage, "retire")) {
      findings.push({
        code: "group-left-behind",
        severity: "blocks",
        object,
        seen: `its group (${nodeGroups(node).join(", ") || "none"}) is not in workers.groups`,
        why: "it is still served by kube2iam, which stage retire removes",
        fix: "take workers.groups out, or add this worker's group, and let an update at stage cutover succeed first",
      });
    } else if (reaches(settings.stage, "cutover") && isCutOver(node)) {
      findings.push({
        code: "worker-goes-back",
        severity: "informs",
        object,
        seen: "it was cut over, and workers.groups no longer names its group",
        why: "this update puts it back on kube2iam",
        fix: "nothing, if that is meant; otherwise add its group to workers.groups again",
      });
    }
  }
  return findings;
}
