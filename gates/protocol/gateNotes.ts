import { gateNotesName, type GateNotes } from "../../migration/plan/gateNotes.js";
import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import type { Target } from "../../migration/situation/target.js";

/** Sets these notes; others that are there stay. */
export async function noteForNextPlan(
  cluster: Cluster,
  target: Target,
  notes: GateNotes,
): Promise<void> {
  const name = { namespace: target.kiam.namespace, name: gateNotesName };
  await cluster.writeConfigMap(name, { ...notes });
}
