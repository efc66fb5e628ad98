import type { NodeFacts } from "../facts/clusterFacts.js";
import { mayBeCutOver } from "./cutoverRecord.js";
import { asksHostKey, hostKeyOf } from "../situation/hostKeyOf.js";
import { isReachedOverSsh } from "../situation/reachedOverSsh.js";
import { sshAddress } from "../situation/nodeSelection.js";
import { brokenBecause, notReadyBecause } from "../situation/nodeStandings.js";
import type { Situation } from "../situation/situation.js";
import type { Settings } from "../settings/schema.js";
import { reaches } from "../stages.js";

/**
 * Why a worker's own move has to wait, while all others go on; undefined where it need not. It also
 * keeps kube2iam from being retired.
 */
export function waitsBecause(situation: Situation, node: NodeFacts): string | undefined {
  const { settings, facts } = situation;
  const broken = brokenBecause(node);
  if (broken !== undefined || !reaches(settings.stage, "cutover")) return broken;
  const missing = lacksAddress(situation, node);
  if (missing !== undefined) return `it reports no ${missing} for SSH to connect to`;
  return !mayBeCutOver(node) &&
    isReachedOverSsh(settings, facts, node) &&
    lacksHostKey(settings, node)
    ? "its SSH host key is not known"
    : undefined;
}

/** Which address that its move takes a worker does not report; undefined where it lacks none. */
export function lacksAddress(
  { settings, facts }: Situation,
  node: NodeFacts,
): "InternalIP" | Settings["workers"]["addressType"] | undefined {
  if (node.internalIp === undefined) return "InternalIP";
  return isReachedOverSsh(settings, facts, node) && sshAddress(settings, node) === undefined
    ? settings.workers.addressType
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

/**
 * Whether the settings acknowledge everything for which a worker cannot be moved, so that an update
 * may succeed without it. A host key that is not known cannot be acknowledged.
 */
export function isAcceptedAsBroken(situation: Situation, node: NodeFacts): boolean {
  const reasons = [
    notReadyBecause(node) === undefined ? undefined : "worker-not-ready",
    lacksAddress(situation, node) === undefined ? undefined : "worker-address-unknown",
  ].filter((code) => code !== undefined);
  return (
    reasons.length > 0 &&
    reasons.every((reason) =>
      situation.settings.audit.acknowledged.some(
        ({ code, object }) => code === reason && object === `node/${node.name}`,
      ),
    )
  );
}
