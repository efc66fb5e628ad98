import { setTimeout as sleep } from "node:timers/promises";

import { statusOfStack } from "../../automation/look/statusOfStack.js";
import { silentProgress } from "../../automation/progress.js";
import { shownJson } from "../../migration/text/shown.js";
import { messageOf } from "../../migration/text/text.js";
import { exitCodes, UsageError, type CommonOptions, type Subcommand } from "../command.js";
import { statusAsText } from "./statusAnswer.js";

interface StatusOptions extends CommonOptions {
  ask: boolean;
  watch: boolean;
}

/** Milliseconds between two looks. */
const interval = 5_000;

/** `kiam-migrate status`: where the stack stands, and every worker. */
export const statusCommand: Subcommand<StatusOptions> = {
  name: "status",
  summary: "show where the stack and every worker stand, and what is left to do",
  declare: (command) =>
    command
      .description(
        "Shows the stage of the settings and that of the state, whether an update is running or was cut " +
          "short, and for each worker: who answers its pods, when that was proven, which pods still hold " +
          "connections to kube2iam, and what the next update has to do there. Then kiam's servers, agents " +
          "and certificates, nodes that no update has seen, and the commands that go on from here. " +
          "Changes nothing.",
      )
      .option(
        "--ask",
        "ask on each worker, through 169.254.169.254, who answers: makes a pod there for some seconds",
        false,
      )
      .option("--watch", "look again every 5 seconds, until nothing is left to do", false)
      .addHelpText(
        "after",
        `
Who answers is told by the worker's rules, which may not be all that decides (eBPF, tables of
nft's own). --ask has the pods' own view of it; it needs probe.role and stage prepare.
--watch prints again whenever something has changed, with --json a document each time.`,
      ),
  async run(options, terminal) {
    if (options.ask && options.watch) {
      throw new UsageError(
        "--ask makes a pod on each worker: not every 5 seconds, so not with --watch.",
      );
    }
    let current = terminal;
    let printed: string | undefined;
    for (;;) {
      let done = false;
      try {
        const answer = await statusOfStack(options, current);
        const text = options.json ? shownJson(answer, 2) : statusAsText(answer);
        if (text !== printed) terminal.answer(text);
        printed = text;
        done = answer.done;
      } catch (error) {
        // What was seen once may be out of reach for a moment.
        if (printed === undefined) throw error;
        terminal.progress.note(messageOf(error));
      }
      if (done) return exitCodes.ok;
      if (!options.watch) return exitCodes.findings;
      current = { ...terminal, progress: silentProgress };
      await sleep(interval);
    }
  },
};
