import { existsSync } from "node:fs";

import { StopAskedError, stopFileVariable } from "../../migration/move/orderlyStop.js";

/**
 * For before something begins on a node, where what is done already may stay as it is. An update that
 * `pulumi up` runs has no such file.
 *
 * @throws StopAskedError where the update was asked to stop
 */
export function refuseWhereStopAsked(): void {
  const file = process.env[stopFileVariable];
  if (file !== undefined && existsSync(file)) throw new StopAskedError();
}
