import { count, someOf } from "../../text/text.js";
import { concernedNodesOf } from "../../situation/nodeStandings.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import type { Judgement } from "../judgement.js";

/** Nodes that the settings do not count among the workers, and that have to do with credentials all the same. */
export function auditOutsideNodes({ settings, facts, workers }: Situation): Judgement[] {
  const known = new Set([
    ...workers.map(({ name }) => name),
    // worker-left-out is about these.
    ...facts.nodes.filter((node) => node.cutoverAnnotation !== undefined).map(({ name }) => name),
  ]);
  const last = reaches(settings.stage, "retire") && facts.kube2iam !== undefined;
  const severity = last ? "blocks" : reaches(settings.stage, "agent") ? "warns" : "informs";
  return concernedNodesOf(facts).flatMap(({ name, kube2iam, asking }): Judgement[] => {
    if (known.has(name) || (!kube2iam && asking.length === 0)) return [];
    const seen = [
      kube2iam ? "kube2iam runs there" : undefined,
      asking.length > 0
        ? `${count(asking.length, "pod")} there ask for a role (${someOf(asking)})`
        : undefined,
    ].filter((each) => each !== undefined);
    return [
      {
        code: "node-outside-workers",
        severity,
        object: `node/${name}`,
        seen: `${seen.join("; ")}, and the settings do not count it among the workers`,
        why: kube2iam
          ? "once kube2iam is retired its rule there leads nowhere: pods that ask for a role are refused"
          : "neither kube2iam nor kiam supplies them: they read the node's own role",
      },
    ];
  });
}
