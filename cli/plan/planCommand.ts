import { InvalidArgumentError } from "commander";

import { readLastRules } from "../../automation/stack/lastRules.js";
import { AuditError } from "../../migration/audit/refuse.js";
import type { ClusterFacts } from "../../migration/facts/clusterFacts.js";
import { previewAsMarkdown, previewAsText } from "../../migration/preview/describePreview.js";
import { plannedWorkers, type Plan } from "../../migration/plan/plan.js";
import { previewPlan, type KnownRules } from "../../migration/preview/planPreview.js";
import { situationOf } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import { shownJson } from "../../migration/text/shown.js";
import { own } from "../../migration/text/text.js";
import {
  exitCodes,
  stageOption,
  type CommonOptions,
  type Subcommand,
  type Terminal,
} from "../command.js";
import { look, planUnlessBlocked } from "../look.js";

interface PlanOptions extends CommonOptions {
  stage?: Stage;
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
          "in the way it says so, and the plan is what would be done without it.",
      )
      .addOption(stageOption("plan"))
      .option("--no-ssh", "do not look at the workers; take the last update's reports")
      .option("--markdown", "print it as Markdown, for a pull request", false),
  async run(options, terminal) {
    if (options.json && options.markdown) {
      throw new InvalidArgumentError("--json and --markdown are two answers: choose one.");
    }
    const { settings, facts } = await look(options, { ssh: options.ssh }, terminal);
    const situation = situationOf(settings, facts);
    const { blocking, plan } = planUnlessBlocked(situation);
    if (blocking.length > 0) terminal.progress.note(new AuditError(blocking).message);
    if (plan === undefined) return exitCodes.findings;
    const rules = await knownRules(options, plan, facts, terminal);
    const preview = previewPlan(options.stack, plan, facts, {
      kiamPort: settings.kiam.agentPort,
      blocking,
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
