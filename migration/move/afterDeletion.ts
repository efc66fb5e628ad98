import type { Stage } from "../stages.js";
import type { StackStage } from "../status/stackState.js";

/** A resource whose deletion was cut off. It is still in the state. */
export interface CutOffDeletion {
  /** Such as `command:local:Command`. */
  type: string;
  name: string;
  /** For people, such as `gate kiam-server`. */
  what: string;
  /** Whether the state has what took its place: then it is what a replacement left. */
  replaced: boolean;
}

/**
 * Where the update was going whose deletion was cut off. `back`: everything was being taken away.
 * `unclear`: either.
 */
export type Direction = "forward" | "back" | "unclear";

/** What stands in the state for the end of a stage. Only an update that takes the stage away deletes it. */
const endsOfStages = [
  "kiam-record",
  "kiam-server-verified",
  "every-node-accounted",
  "kube2iam-retirement",
];

/**
 * Where an update was going that declared the settings' stage, or took everything away. Forward, the
 * engine deletes last, when all that the stage has is there. Taking everything away, it begins with what
 * nothing else depends on: the end of the last stage.
 *
 * @param settings the stage of the settings
 * @param stage of the state
 * @param deletions at least one
 */
export function directionOf(
  settings: Stage,
  stage: StackStage,
  deletions: readonly CutOffDeletion[],
): Direction {
  const each = deletions
    .filter(({ replaced }) => !replaced)
    .map((deletion) => directionOfOne(settings, stage, deletion));
  if (each.includes("back")) return "back";
  return each.includes("unclear") ? "unclear" : "forward";
}

function directionOfOne(
  settings: Stage,
  stage: StackStage,
  { type, name }: CutOffDeletion,
): Direction {
  if (endsOfStages.includes(name)) return "back";
  if (!isThere(settings, stage)) {
    // A role whose path changes is deleted in the middle of an update, before the new one is made.
    return type.startsWith("aws:") ? "unclear" : "back";
  }
  // A namespace, a role or a policy that the settings no longer have; the record may outlast it.
  if (settings === "prepare") return isCommand(type) ? "back" : "unclear";
  // Settings that no longer keep kube2iam off new nodes; or the first that goes, when all does.
  return name === "new-nodes" ? "unclear" : "forward";
}

/** Whether the last gate of the stage is in the state: the account of every node ends two of them. */
function isThere(settings: Stage, { reached }: StackStage): boolean {
  return reached === settings || (settings === "cutover" && reached === "agent");
}

function isCommand(type: string): boolean {
  return type.startsWith("command:");
}
