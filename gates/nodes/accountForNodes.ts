import pMap from "p-map";

import { compareText, count, someOf } from "../../migration/text/text.js";
import { isProvenNow, type NodeStanding } from "../../migration/situation/nodeStandings.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";
import { deleteEmptyNodes } from "./emptyNodes.js";
import { readStandings } from "./standings.js";

/**
 * The last word of an update at stage agent or cutover: what became of every node that concerns
 * the migration, as it is seen now. Nodes that wait for something fail it, after all others had
 * their turn. One that joined meanwhile is served by kube2iam like any other, and has its turn in
 * the next update.
 */
export const accountForNodes: Gate<"account-for-nodes"> = async ({
  target,
  moved,
  staying,
  waiting,
}) => {
  const context = await GateContext.connect(target);
  await deleteEmptyNodes(context);
  const standings = await readStandings(context, { applications: true });
  const held = new Map(waiting.map(({ name, why }) => [name, why]));
  const known = new Set([...moved, ...staying, ...held.keys()]);
  const seen = new Set(standings.map(({ name }) => name));
  const unseen = [...known].filter((name) => !seen.has(name)).sort(compareText);
  const now = await pMap(unseen, (name) => context.node(name), { concurrency: 10 });
  // Workers of the plan that nothing of the migration concerns any more.
  const bare = unseen.filter((_, index) => now[index] !== undefined);
  const left = unseen.filter((_, index) => now[index] === undefined);
  const nodes = [...standings.map(({ name }) => name), ...bare];
  const proven = standings.filter(isProvenNow);
  const isProven = (name: string) => proven.some((node) => node.name === name);
  const problems = nodes.flatMap((name): Problem[] => {
    const lost = moved.includes(name) && !isProven(name);
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
  const joined = standings.filter(({ name, agent }) => agent && !known.has(name));
  for (const { name } of joined) progress(`${name} joined meanwhile; the next update takes it up`);
  for (const name of left) progress(`${name} has left the cluster meanwhile`);
  if (problems.length > 0) {
    throw new GateError(
      `${count(problems.length, "node")} of ${nodes.length} could not be accounted for; all others are as they should be`,
      problems,
    );
  }
  const unproven = standings.filter((node) => !proven.includes(node));
  const onKube2iam = unproven.filter(isOnKube2iam);
  const others = unproven
    .filter((node) => !onKube2iam.includes(node))
    .map(({ name, asking }) =>
      asking.length === 0 ? name : `${name} (asking for a role: ${someOf(asking)})`,
    )
    .concat(bare);
  progress(
    [
      `${count(nodes.length, "node")} seen: ${proven.length} proven on kiam`,
      `${onKube2iam.length} on kube2iam`,
      ...(others.length === 0 ? [] : [`${others.length} with neither: ${someOf(others)}`]),
    ].join(", "),
  );
  return { nodes: nodes.length, joined: joined.map(({ name }) => name), left };
};

/** Whether kube2iam serves it as far as the API tells: a move that was begun may have taken its rule. */
function isOnKube2iam({ kube2iam, record }: NodeStanding): boolean {
  return kube2iam && (record === undefined || "undone" in record);
}
