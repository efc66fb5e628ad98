import { setTimeout as sleep } from "node:timers/promises";

import { silentProgress } from "../../automation/progress.js";
import { readRollouts } from "../../cluster/facts/rollouts.js";
import { whoServes } from "../../gates/probe/whoServes.js";
import type { Asked } from "../../migration/status/workerStatus.js";
import { statusOf } from "../../migration/status/status.js";
import { gateTarget, workerOf } from "../../migration/situation/target.js";
import { brokenBecause } from "../../migration/situation/nodeStandings.js";
import { situationOf, type Situation } from "../../migration/situation/situation.js";
import { shownJson } from "../../migration/text/shown.js";
import { messageOf } from "../../migration/text/text.js";
import type { Plan } from "../../migration/plan/plan.js";
import {
  exitCodes,
  fromHere,
  UsageError,
  type CommonOptions,
  type Subcommand,
  type Terminal,
} from "../command.js";
import { look, lookAtState, planUnlessBlocked } from "../look.js";
import { statusAnswer, statusAsText, type StatusAnswer } from "./statusAnswer.js";

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
        const answer = await lookOnce(options, current);
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

async function lookOnce(options: StatusOptions, terminal: Terminal): Promise<StatusAnswer> {
  const { stack } = options;
  const { settings, facts } = await look(options, {}, terminal);
  const situation = situationOf(settings, facts);
  const { blocking, plan } = planUnlessBlocked(situation);
  const [standing, rollouts, asked] = await Promise.all([
    lookAtState(options, terminal),
    readRollouts(settings),
    options.ask ? ask(situation, plan, terminal) : {},
  ]);
  const status = statusOf(situation, plan, { stack, blocking, ...standing, rollouts, asked });
  return statusAnswer({ ...status, next: fromHere(status.next, options) });
}

/** Asks on every worker on which a pod can run. */
async function ask(
  { settings, workers }: Situation,
  plan: Plan | undefined,
  { progress }: Terminal,
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
