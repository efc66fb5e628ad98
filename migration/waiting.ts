import type { ClusterFacts, NodeFacts } from "./clusterFacts.js";
import { mayBeCutOver } from "./cutoverRecord.js";
import { asksHostKey, hostKeyOf } from "./hostKeyOf.js";
import { isReachedOverSsh } from "./kiamOnly.js";
import { brokenBecause } from "./nodeStandings.js";
import type { Settings } from "./settings.js";
import { reaches } from "./stages.js";

/**
 * Why a worker's own move has to wait, while all others go on; undefined where it need not. It
 * keeps kube2iam from being retired, too.
 */
export function waitsBecause(
  settings: Settings,
  facts: Pick<ClusterFacts, "kube2iam" | "recorded">,
  node: NodeFacts,
): string | undefined {
  const broken = brokenBecause(node);
  if (broken !== undefined) return broken;
  return reaches(settings.stage, "cutover") &&
    !mayBeCutOver(node) &&
    isReachedOverSsh(settings, facts, node) &&
    lacksHostKey(settings, node)
    ? "its SSH host key is not known"
    : undefined;
}

/** Whether SSH to a node could not check who answers. */
export function lacksHostKey(settings: Settings, node: Pick<NodeFacts, "name">): boolean {
  return (
    hostKeyOf(settings, node) === undefined &&
    !asksHostKey(settings, node) &&
    !settings.ssh.acceptUnknownHosts
  );
}

/** Whether somebody accepts that a worker is not Ready: an update may then succeed without it. */
export function isAcceptedAsBroken({ audit }: Settings, name: string): boolean {
  return audit.acknowledged.some(
    ({ code, object }) => code === "worker-not-ready" && object === `node/${name}`,
  );
}
