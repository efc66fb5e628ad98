import { readLastRules } from "../../automation/stack/lastRules.js";
import type { Finding } from "../../migration/audit/finding.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { plannedWorkers, type Plan } from "../../migration/plan/plan.js";
import {
  previewPlan,
  type KnownRules,
  type PlanPreview,
} from "../../migration/preview/planPreview.js";
import type { Situation } from "../../migration/situation/situation.js";
import { own } from "../../migration/text/text.js";
import type { CommonOptions, Terminal } from "../command.js";

/**
 * The plan with each worker's rules: read over SSH, or else as the last update reported them.
 *
 * @returns undefined where what blocks, such as an unknown interface, leaves nothing to plan with
 */
export async function readPlanPreview(
  options: CommonOptions,
  situation: Situation,
  blocking: Finding[],
  terminal: Terminal,
): Promise<PlanPreview | undefined> {
  const plan = planUnless(blocking, situation);
  if (plan === undefined) return undefined;
  const { settings, facts } = situation;
  const rules = await knownRules(options, plan, facts, terminal);
  return previewPlan(options.stack, plan, facts, {
    kiamPort: settings.kiam.agentPort,
    blocking,
    ...rules,
  });
}

function planUnless(blocking: readonly Finding[], situation: Situation): Plan | undefined {
  try {
    return makePlan(situation);
  } catch (error) {
    if (blocking.length === 0) throw error;
    return undefined;
  }
}

async function knownRules(
  { stack, cwd }: CommonOptions,
  plan: Plan,
  facts: ClusterFacts,
  { progress }: Terminal,
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
