import { readRollouts } from "../../cluster/facts/rollouts.js";
import { whoServes } from "../../gates/probe/whoServes.js";
import type { Plan } from "../../migration/plan/plan.js";
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
    place.ask ? ask(situation, plan, shows) : {},
  ]);
  const status = statusOf(situation, plan, { stack, blocking, ...standing, rollouts, asked });
  return statusAnswer({ ...status, next: fromHere(status.next, place) });
}

export function statusAnswer(status: Status): StatusAnswer {
  return { ...status, done: isDone(status) };
}

/** Asks on every worker on which a pod can run. */
async function ask(
  { settings, workers }: Situation,
  plan: Plan | undefined,
  { progress }: Shows,
): Promise<Asked> {
  if (plan?.probe === undefined) {
    throw new Error(
      plan === undefined
        ? "--ask needs a plan, and findings stand in its way: see kiam-migrate audit. Without --ask, status shows what the rules tell."
        : "--ask needs a role for the pod that asks: set probe.role. Without --ask, status shows what the rules tell.",
    );
  }
  const { role, image, namespace } = plan.probe;
  const reachable = workers.filter((node) => brokenBecause(node) === undefined).map(workerOf);
  const target = gateTarget(settings, plan.kube2iam);
  return progress.run("asking who answers", (step) =>
    whoServes(target, reachable, { role, image, namespace, successes: 1 }, (done) =>
      step.update(`${done} of ${reachable.length}`),
    ),
  );
}
