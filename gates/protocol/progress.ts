/** What a gate says besides its result: to the person who watches, and to the next plan. */
import { gateNotesName, type GateNotes } from "../../migration/facts/clusterValues.js";
import type { Worker } from "../../migration/situation/target.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { shown } from "../../migration/text/shown.js";
import type { GateContext } from "./context.js";

/** Tells the person watching what is going on; stdout is for the result alone. */
export function progress(message: string): void {
  process.stderr.write(`${shown(message)}\n`);
}

/** The error of a gate that stays shut for one problem. */
export function errorAt(
  where: string,
  finding: string,
  problem: Omit<Problem, "where">,
  options?: ErrorOptions,
): GateError {
  return new GateError(finding, [{ where, ...problem }], options);
}

/** The same of a worker. The finding is empty below onEachWorker, which has one for all. */
export function errorOn(
  { name }: Pick<Worker, "name">,
  finding: string,
  problem: Omit<Problem, "where">,
): GateError {
  return errorAt(`node ${name}`, finding, problem);
}

/** Sets these notes; others that are there stay. */
export async function noteForNextPlan(
  { cluster, target }: GateContext,
  notes: GateNotes,
): Promise<void> {
  const name = { namespace: target.kiam.namespace, name: gateNotesName };
  await cluster.writeConfigMap(name, { ...notes });
}
