import { observe } from "../../cluster/facts/observe.js";
import type { RuleState } from "../../migration/rules/deviation.js";
import type { Settings } from "../../migration/settings/schema.js";
import { own } from "../../migration/text/text.js";
import type { LookAtWorkers } from "./interruptedUpdate.js";

/**
 * How a recovery looks at workers: it reads their rules through the Kubernetes API. They have to be
 * in one of the two states in which the node script can end.
 */
export function lookAtWorkers(settings: Settings): LookAtWorkers {
  return async (workers) => {
    const { nodes, rules } = await observe(settings);
    return workers.flatMap((name) => {
      // A worker that has left the cluster can't be half-way.
      if (!nodes.some((node) => node.name === name)) return [];
      const finding = inNoKnownState(own(rules, name));
      return finding === undefined ? [] : [`${name}: ${finding}`];
    });
  };
}

function inNoKnownState(state: RuleState | undefined): string | undefined {
  // Before stage agent nothing of this program has ever been on the worker.
  if (state === undefined) return undefined;
  if ("unread" in state) return `its rules can't be read: ${state.unread}`;
  switch (state.inForce) {
    case "kube2iam":
      return undefined;
    case "kiam":
      return state.kiamHealthy
        ? undefined
        : "kiam's rule comes first, and its agent does not answer: see its pod there";
    case "none":
      return "neither system's rule is there, so pods read the node's own role: restart kube2iam's pod there, which writes its rule again";
    case "unknown":
      return (
        state.unclear ??
        "its rules stand in both nft and legacy tables, so it can't be told which comes first"
      );
  }
}
