import { removeRecord } from "./cutoverRecord.js";
import { GateContext } from "../protocol/context.js";
import type { Gate } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";

/** Removes the record of a worker's cutover. A node that has left the cluster has none. */
export const forgetWorker: Gate<"forget-worker"> = async ({ target, worker }) => {
  const context = await GateContext.connect(target);
  const forgotten = await removeRecord(context, worker.name);
  if (!forgotten) progress(`${worker.name} is no longer in the cluster; nothing to forget`);
  return { worker: worker.name, forgotten };
};
