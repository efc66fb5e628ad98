import type { ClusterFacts, NodeFacts } from "../facts/clusterFacts.js";
import type { PermittedMode } from "../kiam/permitted.js";
import { permittedInForce, permittedMode } from "../kiam/permittedInForce.js";
import {
  effectiveKube2iam,
  effectiveRoleBaseArn,
  type EffectiveKube2iam,
} from "../kube2iam/effective.js";
import { isCutOver } from "../plan/cutoverRecord.js";
import type { Settings } from "../settings/schema.js";
import { goesBack } from "./goingBack.js";
import { mayMove, serverNodes, workerNodes } from "./nodeSelection.js";
import { rolesInUse, type RolesInUse } from "./rolesInUse.js";

/** Settings and facts, with what follows from them: derived once, for plan and audit alike. */
export interface Situation {
  settings: Settings;
  facts: ClusterFacts;
  /** The nodes that are to be moved: those that run kiam's agent. By name. */
  workers: NodeFacts[];
  /** The nodes that are to run kiam's server, by name. */
  servers: NodeFacts[];
  /** Names of the workers that the settings move and that kube2iam still serves. */
  toMove: ReadonlySet<string>;
  kube2iam: EffectiveKube2iam;
  /** Prefix of role ARNs; undefined where neither settings nor kube2iam tell it. */
  roleBaseArn: string | undefined;
  /** The roles that pods use; none where the role base ARN is not known. */
  rolesInUse: RolesInUse;
  /** How kiam matches what a namespace permits. */
  permittedMode: PermittedMode;
  /** What a namespace permits once the settings are applied. */
  permittedIn: (namespace: string) => string | undefined;
  /** Whether the settings ask for an earlier stage than is reached. */
  goesBack: boolean;
}

export function situationOf(settings: Settings, facts: ClusterFacts): Situation {
  const workers = workerNodes(settings, facts.nodes);
  const toMove = workers.filter((node) => mayMove(settings, node) && !isCutOver(node));
  const roleBaseArn = effectiveRoleBaseArn(settings, facts);
  return {
    settings,
    facts,
    workers,
    servers: serverNodes(settings, facts.nodes),
    toMove: new Set(toMove.map(({ name }) => name)),
    kube2iam: effectiveKube2iam(settings, facts),
    roleBaseArn,
    rolesInUse: roleBaseArn === undefined ? new Map() : rolesInUse(facts, roleBaseArn),
    permittedMode: permittedMode(settings),
    permittedIn: permittedInForce(settings, facts),
    goesBack: goesBack(settings, facts),
  };
}
