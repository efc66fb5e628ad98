import { audit } from "../migration/audit/audit.js";
import { situationOf } from "../migration/situation/situation.js";
import { makePlan } from "../migration/plan/makePlan.js";
import { generatedCluster } from "./generatedCluster.js";
import { benchmark, peakMiB, podsPerNode, timed, type Figures } from "./growth.js";

/*
 * How long the audit and the plan of a large cluster take, and how that grows: `npm run
 * bench:audit`.
 */

async function measure(nodes: number): Promise<Figures> {
  const { settings, facts } = generatedCluster(nodes, podsPerNode);
  const beforeMiB = peakMiB();
  const audited = await timed(() => audit(situationOf(settings, facts)));
  const planned = await timed(() => makePlan(situationOf(settings, facts)));
  return {
    size: `${nodes} nodes, ${facts.pods.length} pods`,
    milliseconds: { audit: audited.milliseconds, plan: planned.milliseconds },
    peakMiB: peakMiB(),
    beforeMiB,
    result: `${audited.result.length} findings, ${planned.result.waves.length} waves`,
  };
}

void benchmark("Audit and plan of generated clusters, facts of every kind", __filename, measure);
