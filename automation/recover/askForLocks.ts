import { ConcurrentUpdateError, StackAlreadyExistsError } from "@pulumi/pulumi/automation";

import { messageOf } from "../../migration/text/text.js";
import { backendOf } from "../stack/fileBackend.js";
import type { ReadableStack } from "../stack/readableStack.js";
import { runPulumi } from "../stack/runPulumi.js";
import { updateInProgress } from "./serviceUpdate.js";
import { locksOfRefusal, UpdateLockedError, type UpdateLock } from "./updateLock.js";

/** What a bucket says where the engine may read, and may write no lock. */
const mayNotWrite = /\b(code=PermissionDenied|AccessDenied)\b/;

/**
 * The locks on a stack now, as the engine tells of them: for backends whose locks cannot be listed as
 * files, such as S3. Has the engine rename the stack to the name that it has. It looks for locks, and
 * refuses where there are some; else it holds a lock of its own for an instant, sees that there is a
 * stack of that name, and gives up. The state is neither read nor written (renameStack in
 * pkg/backend/diy/backend.go).
 *
 * Pulumi Cloud keeps no locks. It is asked which update it has in progress, which changes nothing.
 *
 * @returns none for Pulumi Cloud
 * @throws UpdateLockedError where the stack is locked and it is not said by which process
 */
export async function askForLocks(stack: ReadableStack): Promise<UpdateLock[]> {
  if ((await backendOf(stack)).isService) {
    const inProgress = await updateInProgress(stack);
    if (inProgress !== undefined) throw new UpdateLockedError(stack.name, { inProgress });
    return [];
  }
  try {
    await runPulumi(stack.workspace, ["stack", "rename", stack.name, "--stack", stack.name]);
  } catch (error) {
    if (error instanceof ConcurrentUpdateError) {
      const locks = await locksOfRefusal(error);
      if (locks.length === 0) throw new UpdateLockedError(stack.name, { cause: error });
      return locks;
    }
    // The engine looks for locks before it writes its own.
    if (error instanceof StackAlreadyExistsError || mayNotWrite.test(messageOf(error))) return [];
    throw error;
  }
  return [];
}
