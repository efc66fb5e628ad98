import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Worker } from "../../migration/situation/target.js";
import { nodeFacts } from "../../cluster/facts/clusterFacts.js";
import { GateError } from "../../migration/text/problem.js";
import { deleteEmptyNodes } from "./emptyNodes.js";

/**
 * The node is still the one that the plan was made for. One that left, was replaced under its name
 * or has another address is not waited for, and nothing is done on its successor.
 */
export async function requireSameNode(
  cluster: Cluster,
  { name, uid, hostIp }: Worker,
): Promise<void> {
  const node = await cluster.node(name);
  const now = node === undefined ? undefined : nodeFacts(node);
  const what =
    now === undefined
      ? "it has left the cluster"
      : uid !== undefined && now.uid !== uid
        ? "it was replaced by another node of the same name"
        : now.internalIp !== hostIp
          ? `its address is ${now.internalIp ?? "unknown"} now, and was ${hostIp}`
          : undefined;
  if (what === undefined) return;
  if (now === undefined) await deleteEmptyNodes(cluster);
  throw new GateError(`${name} has changed since this update began`, [
    {
      where: `node ${name}`,
      what,
      why: "what was planned for it fits it no more",
      fix: "run the update again, which takes the nodes as they are then",
    },
  ]);
}
