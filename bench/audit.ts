import { audit } from "../migration/audit/audit.js";
import { situationOf } from "../migration/situation/situation.js";
import { makePlan } from "../migration/plan/makePlan.js";
import { generatedCluster } from "./generatedCluster.js";
import { peakMiB, printGrowth, timed, type Figures } from "./growth.js";

/*
 * How long the audit and the plan of a large cluster take, and how that grows: `npm run
 * bench:audit`. Each size has twice as much of everything as the one before, so × 2 is linear.
 */

const podsPerNode = 30;
const sizes = ["250", "500", "1000"];

async function measure(nodes: number): Promise<Figures> {
  const { settings, facts } = generatedCluster({ nodes, podsPerNode });
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

async function main(nodes: string | undefined): Promise<void> {
  if (nodes !== undefined) {
    console.log(JSON.stringify(await measure(Number(nodes))));
    return;
  }
  await printGrowth("Audit and plan of generated clusters, facts of every kind", __filename, sizes);
}

void main(process.argv[2]);
