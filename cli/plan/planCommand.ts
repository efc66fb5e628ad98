import { Option } from "commander";

import { readLastRules } from "../../automation/stack/lastRules.js";
import { AuditError } from "../../migration/audit/refuse.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { previewAsMarkdown, previewAsText } from "../../migration/preview/describePreview.js";
import { plannedWorkers, type Plan } from "../../migration/plan/plan.js";
import { planId, sayingsOf, type PlannedMove } from "../../migration/move/plannedMove.js";
import { liesBehind, routeTo } from "../../migration/move/route.js";
import {
  previewPlan,
  type KnownRules,
  type PreviewedMove,
} from "../../migration/preview/planPreview.js";
import { situationOf } from "../../migration/situation/situation.js";
import { stages, type Stage } from "../../migration/stages.js";
import { stageOfState } from "../../migration/status/stackState.js";
import { shownJson } from "../../migration/text/shown.js";
import { own } from "../../migration/text/text.js";
import {
  exitCodes,
  fromHere,
  stageOption,
  UsageError,
  type CommonOptions,
  type Subcommand,
  type Terminal,
} from "../command.js";
import { look, lookAtState, planUnlessBlocked } from "../look.js";
import { savePlan } from "../move/savedPlans.js";

interface PlanOptions extends CommonOptions {
  stage?: Stage;
  /** The same, in the word that migrate has for it. */
  to?: Stage;
  ssh: boolean;
  markdown: boolean;
}

/** `kiam-migrate plan`: waves, steps, and each worker's rules before and after. */
export const planCommand: Subcommand<PlanOptions> = {
  name: "plan",
  summary: "show the waves, the steps, and each worker's rules before and after",
  declare: (command) =>
    command
      .description(
        "Shows what an update would do to the workers: in which waves they move, the steps of each, the " +
          "roles and pods on them, and their nat rules now beside those planned. It is the very plan that " +
          "pulumi up carries out; unchanged input gives an identical plan. Changes nothing. " +
          "The present rules are read over SSH, or taken from the last update's reports. If something stands " +
          "in the way it says so, and the plan is what would be done without it. It ends with the plan's id, by " +
          "which migrate can be told to carry out exactly this.",
      )
      .addOption(stageOption("plan"))
      .addOption(new Option("--to <stage>", "the same as --stage").choices([...stages]))
      .option("--no-ssh", "do not look at the workers; take the last update's reports")
      .option("--markdown", "print it as Markdown, for a pull request", false),
  async run(options, terminal) {
    if (options.json && options.markdown) {
      throw new UsageError("--json and --markdown are two answers: choose one.");
    }
    const stage = options.to ?? options.stage;
    const { settings, facts } = await look({ ...options, stage }, { ssh: options.ssh }, terminal);
    const situation = situationOf(settings, facts);
    const { blocking, plan } = planUnlessBlocked(situation);
    if (blocking.length > 0) terminal.progress.note(new AuditError(blocking).message);
    if (plan === undefined) return exitCodes.findings;
    const rules = await knownRules(options, plan, facts, terminal);
    const move =
      blocking.length === 0 ? await moveOf(options, { plan, settings }, terminal) : undefined;
    const preview = previewPlan(options.stack, plan, facts, {
      kiamPort: settings.kiam.agentPort,
      blocking,
      move,
      ...rules,
    });
    terminal.answer(
      options.json
        ? shownJson(preview, 2)
        : options.markdown
          ? previewAsMarkdown(preview)
          : previewAsText(preview),
    );
    return blocking.length === 0 ? exitCodes.ok : exitCodes.findings;
  },
};

/** What carries the plan out; undefined where an update is under way, or was cut short. */
async function moveOf(
  options: PlanOptions,
  { plan, settings }: Pick<PlannedMove, "plan" | "settings">,
  terminal: Terminal,
): Promise<PreviewedMove | undefined> {
  const { stack } = options;
  const { update, resources } = await lookAtState(options, terminal);
  if (update.at !== "rest" || resources === undefined) {
    terminal.progress.note(
      `The plan has no id, because an update is under way or was cut short: see kiam-migrate status --stack ${stack}`,
    );
    return undefined;
  }
  const reached = stageOfState(resources);
  const route = routeTo(reached, plan.stage);
  const sayings = sayingsOf({ stack, stages: route, all: false, plan, settings });
  const id = planId(sayings);
  await savePlan(id, sayings);
  const verb = liesBehind(reached, plan.stage) ? "rollback" : "migrate";
  const [command = ""] = fromHere(
    [`kiam-migrate ${verb} --stack ${stack} --to ${plan.stage}`],
    options,
  );
  return { planId: id, stages: route, command };
}

async function knownRules(
  { stack, cwd }: PlanOptions,
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
