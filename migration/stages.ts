/** How far a cluster has been moved. Each stage keeps everything the former ones declare. */
export const stages = ["prepare", "server", "agent", "cutover", "retire"] as const;

export type Stage = (typeof stages)[number];

/** Whether a cluster at `stage` has everything that `wanted` declares. */
export function reaches(stage: Stage, wanted: Stage): boolean {
  return stages.indexOf(stage) >= stages.indexOf(wanted);
}

/** What a stage does, in one line; for `--help`, progress and plans. */
export const stageSummary: Record<Stage, string> = {
  prepare: "permit roles per namespace, create IAM roles, TLS and RBAC; kube2iam never notices",
  server: "run the kiam server on the masters and see it fetch every role",
  agent: "run the kiam agent on every worker, its rule asleep behind kube2iam's",
  cutover: "worker by worker, delete kube2iam's rule and prove that kiam supplies the role",
  retire: "remove kube2iam's DaemonSet; new nodes get kiam only",
};

/**
 * The stages to pass through from one stage to another, without the first, in order; going
 * back names them in descending order. Empty when both are the same.
 */
export function stagesBetween(from: Stage, to: Stage): Stage[] {
  const [a, b] = [stages.indexOf(from), stages.indexOf(to)];
  return a <= b ? stages.slice(a + 1, b + 1) : stages.slice(b, a).reverse();
}
