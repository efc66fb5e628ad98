import { InvalidArgumentError } from "commander";

import { audit } from "../../migration/audit/audit.js";
import { AuditError } from "../../migration/audit/refuse.js";
import { isBlocking } from "../../migration/audit/finding.js";
import { previewAsMarkdown, previewAsText } from "../../migration/preview/describePreview.js";
import { situationOf } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import { shownJson } from "../../migration/text/shown.js";
import { exitCodes, stageOption, type CommonOptions, type Subcommand } from "../command.js";
import { look } from "../look.js";
import { readPlanPreview } from "./readPlanPreview.js";

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
    const blocking = audit(situation).filter(isBlocking);
    if (blocking.length > 0) terminal.progress.note(new AuditError(blocking).message);
    const preview = await readPlanPreview(options, situation, blocking, terminal);
    if (preview === undefined) return exitCodes.findings;
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
