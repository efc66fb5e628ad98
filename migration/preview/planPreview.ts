import type { Finding } from "../audit/finding.js";
import type { ClusterFacts } from "../facts/clusterFacts.js";
import type { BackendRules } from "../rules/nodeReport.js";
import type { Stage } from "../stages.js";
import { compareText, groupedBy, own } from "../text/text.js";
import { resolveRoleArn } from "../kiam/permitted.js";
import { plannedWorkers, type Plan, type PlannedWorker } from "../plan/plan.js";
import { usesRole } from "../situation/rolesInUse.js";
import { plannedRules } from "../plan/plannedRules.js";

/*
 * The plan with what it means for each worker: who lives there, and which rules it has now and
 * will have. The plan in it is the very object that the resources are made of.
 */

export interface PlanPreview {
  /** Name of the stack. */
  stack: string;
  plan: Plan;
  /** What stands in the way of it; none where an update can begin. */
  blocking: Finding[];
  /** In the order in which they move; those that stay come last. */
  workers: WorkerPreview[];
  /** What carries it out; undefined where something stands in the way, or an update is under way. */
  move: PreviewedMove | undefined;
}

/** A move that carries a plan out: by its id exactly this one can be approved. */
export interface PreviewedMove {
  planId: string;
  /** Passed through in order, each by an update of its own. */
  stages: Stage[];
  /** The command to type. */
  command: string;
}

export interface WorkerPreview extends Pick<
  PlannedWorker,
  "name" | "hostIp" | "address" | "steps"
> {
  /** Name of its wave; `stays` where it is left on kube2iam, `waits` where its move has to. */
  wave: string;
  /** Roles that its pods use now, by ARN, sorted. */
  roles: { arn: string; pods: string[] }[];
  rules:
    | { from: RuleSource; present: BackendRules[]; planned: BackendRules[] }
    | {
        /** Why they are not known. */
        unread: string;
      };
}

/** `ssh`: read just now. `last-update`: what the last update left, by its own report. */
export type RuleSource = "ssh" | "last-update";

/** Rules of a worker, from wherever they could be had. */
export type KnownRules = Record<string, { from: RuleSource; present: BackendRules[] }>;

/**
 * @param known rules by worker
 * @param unread why there are none of a worker: by its name, or for all others
 */
export function previewPlan(
  stack: string,
  plan: Plan,
  facts: Pick<ClusterFacts, "pods">,
  {
    blocking,
    kiamPort,
    known,
    unread,
    move,
  }: {
    blocking: Finding[];
    move?: PreviewedMove;
    kiamPort: number;
    known: KnownRules;
    unread: (worker: string) => string;
  },
): PlanPreview {
  const waveOf = new Map(
    plan.waves.flatMap((wave) => wave.workers.map((worker) => [worker.name, wave.name] as const)),
  );
  const waits = new Set(plan.waiting.map(({ name }) => name));
  const podsOn = groupedBy(facts.pods.filter(usesRole), ({ node }) => node);
  return {
    stack,
    plan,
    blocking,
    move,
    workers: plannedWorkers(plan).map((worker) => {
      const { name, hostIp, address, steps } = worker;
      const seen = own(known, name);
      return {
        name,
        wave: waveOf.get(name) ?? (waits.has(name) ? "waits" : "stays"),
        hostIp,
        address,
        steps,
        roles: rolesOf(podsOn.get(name) ?? [], plan.roleBaseArn),
        rules:
          seen === undefined
            ? { unread: unread(name) }
            : { ...seen, planned: plannedRules(seen.present, worker, plan, kiamPort) },
      };
    }),
  };
}

function rolesOf(
  pods: readonly { namespace: string; name: string; role: string }[],
  roleBaseArn: string,
): WorkerPreview["roles"] {
  return [...groupedBy(pods, ({ role }) => resolveRoleArn(role, roleBaseArn))]
    .map(([arn, of]) => ({
      arn,
      pods: of.map(({ namespace, name }) => `${namespace}/${name}`).sort(),
    }))
    .sort((a, b) => compareText(a.arn, b.arn));
}
