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
import { kubeConfig } from "../cluster/kubernetes/kubeConfig.js";
import { parseSettings } from "../migration/settings/parse.js";
import type { Stage } from "../migration/stages.js";
import { adminIam } from "./aws/admin.js";
import { openCluster } from "./cluster/start.js";
import { travel } from "./journey.js";
import { labSettings, labStack, operatorEnvironment } from "./operator.js";
import type { Parts } from "./parts/types.js";
import { formatReport, shortcomings } from "./report.js";
import { deployWorkload, modes } from "./workload/applications.js";
import { deployKube2iam } from "./workload/kube2iam.js";
import { readLabRecords } from "./workload/records.js";
import { applicationRoles, roleArn, seedRoles } from "./workload/roles.js";
import { summarise } from "./workload/summary.js";
import { addTrust } from "./workload/trust.js";

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
  const kube = await kubeConfig();
  const iam = await adminIam(cluster.paths);
  const workers = cluster.workers.length;

  await progress.run("IAM roles as production has them", () => seedRoles(iam));
  await progress.run("kube2iam on every worker", () => deployKube2iam(kube, { workers }));
  await progress.run("applications that ask for credentials without pause", () =>
    deployWorkload(kube, cluster.paths, { workers, interval: intervalFor(workers) }),
  );

  const settings = await labSettings(cluster, to ?? "retire");
  const checked = parseSettings(settings);
  const situation = situationOf(checked, await observe(checked));
  progress.note(`\nThe plan:\n\n${indent(describePlan(makePlan(situation)))}`);
  for (const finding of audit(situation)) {
    progress.note(`  audit ${finding.severity}: ${finding.object}: ${finding.seen}`);
  }

  const stack = await labStack(cluster, parts, environment, { ...settings, stage: "prepare" });
  const serverRole = roleArn({ name: checked.iam.serverRoleName });
  const journey = await travel({
    cluster,
    stack,
    progress,
    to,
    afterPrepare: async () => {
      const names = applicationRoles.map((role) => role.name);
      await progress.run("operator's step: application roles trust kiam-server too", () =>
        addTrust(iam, names, serverRole),
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

/** Milliseconds between a client's requests: 240 a second in all, however many workers there are. */
function intervalFor(workers: number): number {
  const clients = workers * applicationRoles.length * modes.length;
  return Math.round((clients * 1000) / 240);
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
