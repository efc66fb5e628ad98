import { count } from "../../migration/count.js";
import { isProvenNow } from "../../migration/nodeStandings.js";
import { Cluster } from "../cluster.js";
import type { CheckedInput, GateOutput } from "../inputs.js";
import { GateError, type Problem } from "../problem.js";
import { progress } from "../progress.js";
import { readStandings } from "../standings.js";

/**
 * The last word of an update at stage agent or cutover: what became of every node that concerns
 * the migration. Nodes that wait for something fail it, after all others had their turn. One that
 * joined meanwhile is served by kube2iam like any other, and has its turn in the next update.
 */
export async function accountForNodes({
  target,
  moved,
  staying,
  waiting,
}: CheckedInput<"account-for-nodes">): Promise<GateOutput<"account-for-nodes">> {
  const cluster = await Cluster.connect(target.kubernetes);
  const standings = await readStandings(cluster, target, { applications: false });
  const held = new Map(waiting.map(({ name, why }) => [name, why]));
  const problems = standings.flatMap((node): Problem[] => {
    const { name } = node;
    const lost = moved.includes(name) && !isProvenNow(node);
    const what =
      held.get(name) ??
      (lost ? "its move is not proven as it is now: it has rebooted, or was replaced" : undefined);
    if (what === undefined) return [];
    return [
      {
        where: `node ${name}`,
        what,
        why: "it is not proven, and kube2iam cannot be retired until it is",
        fix: "mend that and run the update again; if the node is gone for good, delete it from the cluster",
      },
    ];
  });
  const known = new Set([...moved, ...staying, ...held.keys()]);
  const joined = standings.filter(({ name, agent }) => agent && !known.has(name));
  for (const { name } of joined) {
    progress(`${name} joined meanwhile; the next update takes it up`);
  }
  if (problems.length > 0) {
    throw new GateError(
      `${count(problems.length, "node")} of ${standings.length} could not be accounted for; all others are as they should be`,
      problems,
    );
  }
  progress(
    `${count(standings.length, "node")} seen: ${moved.length} proven on kiam, ${staying.length} on kube2iam, ${standings.filter(({ name }) => !known.has(name)).length} not among the workers or new`,
  );
  return { nodes: standings.length, joined: joined.map(({ name }) => name) };
}
