import type { NodeFacts } from "../../migration/facts/clusterFacts.js";
import type { Worker } from "../../migration/situation/target.js";
import type { GateContext } from "../protocol/context.js";
import { deleteEmptyNodes } from "./emptyNodes.js";
import { errorOn } from "../protocol/progress.js";

/**
 * The node is still the one that the plan was made for. One that left, was replaced under its name
 * or has another address is not waited for, and nothing is done on its successor.
 *
 * @returns the node as it is now
 */
export async function requireSameNode(
  context: GateContext,
  { name, uid, hostIp }: Worker,
): Promise<NodeFacts> {
  const now = await context.node(name);
  if (now !== undefined && (uid === undefined || now.uid === uid) && now.internalIp === hostIp) {
    return now;
  }
  if (now === undefined) await deleteEmptyNodes(context);
  const what =
    now === undefined
      ? "it has left the cluster"
      : uid !== undefined && now.uid !== uid
        ? "it was replaced by another node of the same name"
        : `its address is ${now.internalIp ?? "unknown"} now, and was ${hostIp}`;
  throw errorOn({ name }, `${name} has changed since this update began`, {
    what,
    why: "the plan was made for the node as it was then",
    fix: "run the update again: it plans for the nodes as they are now",
  });
}
