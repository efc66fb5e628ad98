import { ConcurrentUpdateError, StackAlreadyExistsError } from "@pulumi/pulumi/automation";

import { messageOf } from "../../migration/text/text.js";
import { backendOf } from "../stack/fileBackend.js";
import type { ReadableStack } from "../stack/readableStack.js";
import { runPulumi } from "../stack/runPulumi.js";
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
 * @returns none for Pulumi Cloud, which keeps no locks and cannot be asked so
 * @throws UpdateLockedError where the stack is locked and it is not said by which process
 */
export async function askForLocks(stack: ReadableStack): Promise<UpdateLock[]> {
  if ((await backendOf(stack)).isService) return [];
  try {
    await runPulumi(stack.workspace, ["stack", "rename", stack.name, "--stack", stack.name]);
  } catch (error) {
    if (error instanceof ConcurrentUpdateError) {
      const locks = await locksOfRefusal(error);
      if (locks.length === 0) throw new UpdateLockedError(stack.name, [], error);
      return locks;
    }
    // The engine looks for locks before it writes its own.
    if (error instanceof StackAlreadyExistsError || mayNotWrite.test(messageOf(error))) return [];
    throw error;
  }
  return [];
}
