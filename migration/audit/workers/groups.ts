import { isCutOver } from "../../plan/cutoverRecord.js";
import { mayMove, nodeGroups } from "../../situation/nodeSelection.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import type { Judgement } from "../judgement.js";

/** Node groups that the settings move, and those they leave. */
export function auditGroups({ settings, workers }: Situation): Judgement[] {
  const { groups } = settings.workers;
  if (groups === undefined) return [];
  const known = [...new Set(workers.flatMap(nodeGroups))].sort();
  const findings = groups
    .filter((group) => !known.includes(group))
    .map((group): Judgement => ({
      code: "group-unknown",
      severity: "blocks",
      object: `nodegroup/${group}`,
      seen: `workers.groups names it, and no worker is labelled with it (there are: ${known.join(", ") || "none"})`,
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
      });
    } else if (reaches(settings.stage, "cutover") && isCutOver(node)) {
      findings.push({
        code: "worker-goes-back",
        severity: "informs",
        object,
        seen: "it was cut over, and workers.groups no longer names its group",
      });
    }
  }
  return findings;
}
