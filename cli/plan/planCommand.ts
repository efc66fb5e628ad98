import { Option } from "commander";

import { planStack } from "../../automation/look/planStack.js";
import { AuditError } from "../../migration/audit/refuse.js";
import { previewAsMarkdown, previewAsText } from "../../migration/preview/describePreview.js";
import { stages, type Stage } from "../../migration/stages.js";
import { shownJson } from "../../migration/text/shown.js";
import {
  exitCodes,
  stageOption,
  UsageError,
  type CommonOptions,
  type Subcommand,
} from "../command.js";

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
    const { preview, blocking, busy } = await planStack({ ...options, stage }, terminal);
    if (blocking.length > 0) terminal.progress.note(new AuditError(blocking).message);
    if (busy !== undefined) {
      terminal.progress.note(
        `The plan has no id, because an update is under way or was cut short: see kiam-migrate status --stack ${options.stack}`,
      );
    }
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
