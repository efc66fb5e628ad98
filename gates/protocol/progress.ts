/** What a gate says besides its result: to the person who watches, and to the next plan. */
import { gateNotesName, type GateNotes } from "../../migration/facts/clusterValues.js";
import { shown } from "../../migration/text/shown.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Target } from "../../migration/situation/target.js";

/** Tells the person watching what is going on; stdout is for the result alone. */
export function progress(message: string): void {
  process.stderr.write(`${shown(message)}\n`);
}

/** Sets these notes; others that are there stay. */
export async function noteForNextPlan(
  cluster: Cluster,
  target: Target,
  notes: GateNotes,
): Promise<void> {
  const name = { namespace: target.kiam.namespace, name: gateNotesName };
  await cluster.writeConfigMap(name, { ...notes });
}
