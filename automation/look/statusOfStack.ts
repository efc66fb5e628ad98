import { readRollouts } from "../../cluster/facts/rollouts.js";
import { whoServes } from "../../gates/probe/whoServes.js";
import type { Plan, PlannedProbe } from "../../migration/plan/plan.js";
import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import { situationOf, type Situation } from "../../migration/situation/situation.js";
import { gateTarget, workerOf } from "../../migration/situation/target.js";
import { isDone, statusOf, type Status } from "../../migration/status/status.js";
import type { Asked } from "../../migration/status/workerStatus.js";
import { fromHere } from "./fromHere.js";
import { look, lookAtState, planUnlessBlocked, type Shows, type StackPlace } from "./look.js";

/** Where a stack and its cluster stand; what `kiam-migrate status --json` prints. */
export interface StatusAnswer extends Status {
  /** Whether nothing is left to do at the settings' stage. */
  done: boolean;
}

/**
 * Looks at the stack and its cluster.
 *
 * @param place `ask`: whether to have a pod on each worker ask who answers; else nothing is changed
 */
export async function statusOfStack(
  place: StackPlace & { ask: boolean },
  shows: Shows,
): Promise<StatusAnswer> {
  const { stack } = place;
  const { settings, facts } = await look(place, {}, shows);
  const situation = situationOf(settings, facts);
  const { blocking, plan } = planUnlessBlocked(situation);
  const [standing, rollouts, asked] = await Promise.all([
    lookAtState(place, shows),
    readRollouts(settings),
    place.ask ? ask(stack, situation, plan, shows) : {},
  ]);
  const status = statusOf(situation, plan, { stack, blocking, ...standing, rollouts, asked });
  return statusAnswer({ ...status, next: fromHere(status.next, place) });
}

export function statusAnswer(status: Status): StatusAnswer {
  return { ...status, done: isDone(status) };
}

/** The plan, which says how to ask. @throws where it does not, with what to do */
export function planToAsk(
  stack: string,
  plan: Plan | undefined,
): Pick<Plan, "kube2iam"> & { probe: PlannedProbe } {
  if (plan?.probe !== undefined) return { ...plan, probe: plan.probe };
  const [what, fix] =
    plan === undefined
      ? ["a plan, and findings stand in its way", `kiam-migrate audit --stack ${stack}`]
      : [
          "a role for the pod that asks, and probe.role is not set",
          `pulumi config set --stack ${stack} --path probe.role NAME, a role of the kind that your pods have`,
        ];
  throw new Error(
    `Asking the workers (--ask) needs ${what}. No pod was made. Without it, status shows what the rules tell. What to do: ${fix}`,
  );
}

/** Asks on every worker on which a pod can run. */
async function ask(
  stack: string,
  { settings, workers }: Situation,
  plan: Plan | undefined,
  { progress }: Shows,
): Promise<Asked> {
  const { probe, kube2iam } = planToAsk(stack, plan);
  const { role, image, namespace } = probe;
  const reachable = workers.filter((node) => brokenBecause(node) === undefined).map(workerOf);
  const target = gateTarget(settings, kube2iam);
  return progress.run("asking who answers", (step) =>
    whoServes(target, reachable, { role, image, namespace, successes: 1 }, (done) =>
      step.update(`${done} of ${reachable.length}`),
    ),
  );
}
