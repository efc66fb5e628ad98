/*
 * Runs in the operator's network namespace, called by start.ts: makes the cluster look like
 * production, moves it, and reports.
 */
import { createProgress } from "../automation/progress.js";
import { observe } from "../cluster/facts/observe.js";
import { audit } from "../migration/audit/audit.js";
import { situationOf } from "../migration/situation/situation.js";
import { describePlan } from "../migration/preview/describePlan.js";
import { makePlan } from "../migration/plan/makePlan.js";
import { parseSettings } from "../migration/settings/parse.js";
import type { Stage } from "../migration/stages.js";
import { openCluster } from "./cluster/start.js";
import { travel } from "./journey.js";
import { handOver, labSettings, labStack, operatorEnvironment } from "./operator.js";
import type { Parts } from "./parts/types.js";
import { formatReport, shortcomings } from "./report.js";
import { intervalFor, makeProduction } from "./workload/production.js";
import { readLabRecords } from "./workload/records.js";
import { summarise } from "./workload/summary.js";

/**
 * @param to stage to end at; unset: forward, back and forward again
 * @returns whether no request failed and every worker ended where it should
 */
export async function drive(
  parts: Pick<Parts, "engine" | "plugins">,
  to?: Stage,
): Promise<boolean> {
  const progress = createProgress();
  const cluster = await openCluster();
  const environment = await operatorEnvironment(cluster);
  // The program runs in this very process, and reads the cluster as any program would.
  Object.assign(process.env, environment);

  await makeProduction(cluster, progress, intervalFor(cluster.workers.length));

  const settings = await labSettings(cluster, to ?? "retire");
  const checked = parseSettings(settings);
  const situation = situationOf(checked, await observe(checked));
  progress.note(`\nThe plan:\n\n${indent(describePlan(makePlan(situation)))}`);
  for (const finding of audit(situation)) {
    progress.note(`  audit ${finding.severity}: ${finding.object}: ${finding.seen}`);
  }

  const stack = await labStack(cluster, parts, environment, { ...settings, stage: "prepare" });
  const journey = await travel({
    cluster,
    stack,
    progress,
    to,
    afterPrepare: async () => {
      await progress.run(
        "by hand: rights in kiam's namespace, and application roles trust kiam-server as well",
        () => handOver(cluster),
      );
    },
  });
  const windows = journey.legs.map(({ name, from, to: until }) => ({ name, from, to: until }));
  const summary = await summarise(readLabRecords(cluster.paths), { windows, until: Date.now() });
  progress.note(`\n${formatReport(journey, summary)}`);
  const problems = shortcomings(journey, summary, to === undefined);
  for (const problem of problems) progress.note(`✗ ${problem}`);
  if (problems.length === 0) {
    progress.note(
      "✓ No request failed, none was answered with a wrong identity, every worker ended where it should.",
    );
  }
  return problems.length === 0;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
