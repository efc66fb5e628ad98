import type { Stack } from "@pulumi/pulumi/automation";

import type { PendingOperation } from "./pendingOperations.js";
import { watchedUpdate, type WatchOptions } from "../update/watchedUpdate.js";
import { withWholeProgram } from "../update/wholeProgram.js";

/** Has the kubernetes provider apply over objects that exist, instead of refusing to make them. */
const upsert = "PULUMI_K8S_UPSERT_EXISTING_OBJECTS";

/**
 * Brings Kubernetes objects into the state that an engine was making when it was cut off: a
 * DaemonSet takes minutes to become ready, and all that time the engine does not know it. The next
 * update would fail, because the object exists.
 *
 * It is an update of these alone, as the stack is configured now: before the stage is changed. Only
 * objects in a namespace count. They lie in kiam's, which the stack has made, so no object of
 * another owner is taken.
 *
 * @throws UpdateFailedError, such as for an object that is not declared at the configured stage
 */
export async function takeOver(
  stack: Stack,
  operations: readonly PendingOperation[],
  options: WatchOptions,
): Promise<void> {
  const half = operations.filter((operation) => operation.objectBeingMade);
  if (half.length === 0) return;
  options.progress.note(
    `Taking over what was being made: ${half.map(({ what }) => what).join(", ")}`,
  );
  const { envVars } = stack.workspace;
  const former = envVars[upsert];
  envVars[upsert] = "true";
  try {
    const target = half.map(({ urn }) => urn);
    await watchedUpdate(options, (control) =>
      withWholeProgram(stack, (program) => stack.up({ ...control, program, target })),
    );
  } finally {
    if (former === undefined) delete envVars[upsert];
    else envVars[upsert] = former;
  }
}
