import type { Finding } from "../../migration/audit/finding.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { planId, sayingsOf, type PlannedMove } from "../../migration/move/plannedMove.js";
import { liesBehind, routeTo } from "../../migration/move/route.js";
import { plannedWorkers, type Plan } from "../../migration/plan/plan.js";
import {
  previewPlan,
  type KnownRules,
  type PlanPreview,
  type PreviewedMove,
} from "../../migration/preview/planPreview.js";
import { situationOf, type Situation } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import { stageOfState } from "../../migration/status/stackState.js";
import { own } from "../../migration/text/text.js";
import { commandOf } from "../move/destination.js";
import { savePlan } from "../move/savedPlans.js";
import type { UpdateStanding } from "../readStanding.js";
import { readLastRules } from "../stack/lastRules.js";
import { fromHere } from "./fromHere.js";
import { look, lookAtState, planUnlessBlocked, type Shows, type StackPlace } from "./look.js";

/** What is to be planned. */
interface Wanted extends StackPlace {
  /** Instead of the stack's own. */
  stage?: Stage;
  /** Whether to look at the workers; else the last update's reports count. */
  ssh: boolean;
}

/** A plan, or why there is none. */
export interface PlanAnswer {
  /** What stands in the way. */
  blocking: Finding[];
  /** The update that is under way or was cut short: then the plan has no id. */
  busy: Exclude<UpdateStanding, { at: "rest" }> | undefined;
  /** Undefined where what blocks leaves nothing to plan with. */
  preview: PlanPreview | undefined;
}

/** Plans what an update would do. Changes nothing. Throws as look does. */
export async function planStack(wanted: Wanted, shows: Shows): Promise<PlanAnswer> {
  const { settings, facts } = await look(wanted, { ssh: wanted.ssh }, shows);
  return planOf(wanted, situationOf(settings, facts), shows);
}

/** Plans what an update would do in a situation that has been looked at. Changes nothing. */
export async function planOf(
  place: StackPlace,
  situation: Situation,
  shows: Shows,
): Promise<PlanAnswer> {
  const { blocking, plan } = planUnlessBlocked(situation);
  if (plan === undefined) return { blocking, busy: undefined, preview: undefined };
  const { settings, facts } = situation;
  const rules = await knownRules(place, plan, facts, shows);
  const { move, busy } =
    blocking.length === 0
      ? await moveOf(place, { plan, settings }, shows)
      : { move: undefined, busy: undefined };
  const kiamPort = settings.kiam.agentPort;
  const preview = previewPlan(place.stack, plan, facts, { kiamPort, blocking, move, ...rules });
  return { blocking, busy, preview };
}

/** What carries the plan out; none where an update is under way, or was cut short. */
async function moveOf(
  { stack, cwd }: StackPlace,
  { plan, settings }: Pick<PlannedMove, "plan" | "settings">,
  shows: Shows,
): Promise<{ move: PreviewedMove | undefined; busy: PlanAnswer["busy"] }> {
  const { update, resources } = await lookAtState({ stack, cwd }, shows);
  if (update.at !== "rest") return { move: undefined, busy: update };
  const reached = stageOfState(resources ?? []);
  const route = routeTo(reached, plan.stage);
  const sayings = sayingsOf({ stack, stages: route, all: false, plan, settings });
  const id = planId(sayings);
  await savePlan(id, sayings);
  const back = liesBehind(reached, plan.stage);
  const commands = [commandOf(stack, { to: plan.stage, back, all: false })];
  const [command = ""] = fromHere(commands, { cwd });
  return { busy: undefined, move: { planId: id, stages: route, command } };
}

async function knownRules(
  { stack, cwd }: StackPlace,
  plan: Plan,
  facts: ClusterFacts,
  { progress }: Shows,
): Promise<{ known: KnownRules; unread: (worker: string) => string }> {
  const known: KnownRules = {};
  for (const [worker, seen] of Object.entries(facts.overSsh ?? {})) {
    if (!("failed" in seen)) known[worker] = { from: "ssh", present: seen.natRules };
  }
  // Only for what SSH did not show: this decrypts the state as a whole.
  if (plannedWorkers(plan).some(({ name }) => own(known, name) === undefined)) {
    const last = await progress.run("the last update's reports", () => readLastRules(stack, cwd));
    for (const [worker, present] of Object.entries(last)) {
      if (own(known, worker) === undefined) known[worker] = { from: "last-update", present };
    }
  }
  return {
    known,
    unread: (worker) => {
      const seen = own(facts.overSsh, worker);
      if (seen === undefined) return "they were not read over SSH, and no update has reported them";
      return "failed" in seen ? seen.message : "it showed none";
    },
  };
}
