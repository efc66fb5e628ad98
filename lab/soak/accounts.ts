/* Every node of the cluster: who answers its pods, by which rules, and whether that is as the stage wants. */
import type { Stage } from "../../migration/stages.js";

export interface NodeAccount {
  name: string;
  /** What the lab and the API know of it; a node that only one of them knows is unaccounted for. */
  known: "both" | "only the lab" | "only the API";
  /** A master runs no applications: only `known` and `ready` count. */
  master: boolean;
  ready: boolean;
  /** Still held free of pods by the startup taint. */
  tainted: boolean;
  /** Who answered a pod there at 169.254.169.254. */
  answers: "kube2iam" | "kiam" | "both" | "nobody";
  /** Such as `kube2iam before kiam`. */
  rules: string;
  /** Clients there that have had no good answer lately; a worker without any has one that says so. */
  silent: string[];
}

/** Rules that a worker may have at a stage, once an update has found nothing to do. */
const rulesAt: Record<Stage, readonly string[]> = {
  prepare: ["kube2iam"],
  server: ["kube2iam"],
  // A worker that joined with the startup taint may be kiam's from its first pod on.
  agent: ["kube2iam before kiam", "kiam before kube2iam"],
  cutover: ["kiam"],
  retire: ["kiam"],
};

/** What is not as the stage wants it; empty when all is well. */
export function shortcomings(stage: Stage, node: NodeAccount): string[] {
  const found: string[] = [];
  if (node.known !== "both") found.push(`${node.known} knows it`);
  if (!node.ready) found.push("it is not Ready");
  if (node.master) return found;
  if (node.tainted) found.push("it still has the startup taint");
  const wanted = rulesAt[stage];
  if (!wanted.includes(node.rules)) {
    found.push(`rules: ${node.rules || "none"}; at stage ${stage}: ${wanted.join(" or ")}`);
  }
  const first = node.rules.split(" ")[0];
  if (node.answers !== first) found.push(`${node.answers} answers, not ${first || "anybody"}`);
  found.push(...node.silent.map((client) => `not served: ${client}`));
  return found;
}
