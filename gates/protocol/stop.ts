import { existsSync } from "node:fs";

import { StopAskedError, stopFileVariable } from "../../migration/move/orderlyStop.js";

/** Whether the update was asked to stop. One that `pulumi up` runs has no such file. */
export function isStopAsked(): boolean {
  const file = process.env[stopFileVariable];
  return file !== undefined && existsSync(file);
}

/**
 * For before something begins on a node, where what is done already may stay as it is.
 *
 * @throws StopAskedError where the update was asked to stop
 */
export function refuseWhereStopAsked(): void {
  if (isStopAsked()) throw new StopAskedError();
}
