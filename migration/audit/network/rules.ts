import { isCutOver } from "../../plan/cutoverRecord.js";
import { deviation, type RuleState } from "../../rules/deviation.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import { own } from "../../text/text.js";
import type { Judgement } from "../judgement.js";

/** Workers whose nat rules are not as the last update left them. */
export function auditRules({ settings, facts, workers }: Situation): Judgement[] {
  if (!reaches(settings.stage, "agent")) return [];
  return workers.flatMap((node): Judgement[] => {
    const state = own(facts.rules, node.name);
    if (state === undefined) return [];
    const object = `node/${node.name}`;
    if ("unread" in state && state.forbidden) {
      return [
        {
          code: "rules-unread",
          severity: "warns",
          object,
          seen: `you may not look at its nat rules (${state.unread})`,
        },
      ];
    }
    const moved = isCutOver(node);
    const seen = moved ? deviation(state) : unexpectedBefore(state);
    if (seen === undefined) return [];
    const unclear = "unclear" in state;
    return [
      {
        code: "rules-deviate",
        severity: "warns",
        object,
        seen,
        why: moved
          ? "it was proven to be served by kiam alone"
          : "before its cutover kube2iam serves a worker's pods",
        fix: unclear
          ? "do as it says there, then run the update again: it stops at this worker's cutover as long as that is so"
          : moved
            ? "run the update at stage cutover or retire: it cuts over this worker anew, and no other"
            : "restart kube2iam's pod there, which writes its rule again; the cutover itself also copes with it",
      },
    ];
  });
}

/** Only what leaves pods without the right role: who comes first behind kube2iam does not matter. */
function unexpectedBefore(state: RuleState): string | undefined {
  if ("unread" in state || state.inForce === "kube2iam") return undefined;
  if (state.inForce === "unknown") return state.unclear;
  return state.inForce === "none"
    ? "neither system's rule is there: pods read the node's own role"
    : "kiam's rule comes first, although it was not cut over";
}
