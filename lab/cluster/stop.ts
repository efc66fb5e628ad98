import type { Progress } from "../../automation/progress.js";
import { labDirectory } from "../paths.js";
import { isLabDirectory, removeLab } from "./cleanup.js";
import {
  acquireLock,
  adoptLock,
  findRunningLab,
  isRunning,
  knownLabs,
  LabRunningError,
  releaseLock,
} from "./lock.js";
import { listMembers } from "./namespaces.js";

/** Takes down the lab of a directory, also where another process started it; fine when there is none. */
export async function stopCluster(directory: string = labDirectory()): Promise<void> {
  if (findRunningLab(directory)) adoptLock(directory);
  else await acquireLock(directory, { cleaning: true });
  await takeDown(directory);
}

/**
 * Removes what killed runs have left, in whatever directory: the checkout that made it may be gone.
 * Never a running lab. Returns whether there was anything.
 */
export async function cleanLeftovers(progress?: Progress): Promise<boolean> {
  const abandoned = knownLabs()
    .filter((lab) => !isRunning(lab))
    .map((lab) => lab.directory);
  const own = labDirectory();
  // A lab of this directory that lost its lock, too: the machine's /run was emptied under it. Names
  // without its directory are another's.
  const stray = findRunningLab() === undefined && isLabDirectory(own) && listMembers().length > 0;
  const directories = new Set([...abandoned, ...(stray ? [own] : [])]);
  const work = async () => {
    for (const directory of directories) await stopUnlessTaken(directory);
  };
  if (directories.size === 0) return false;
  await (progress ? progress.run("removing what a killed run has left", work) : work());
  return true;
}

/** Of several that clean up at once, one does it and the others wait. */
async function stopUnlessTaken(directory: string): Promise<void> {
  try {
    await acquireLock(directory, { cleaning: true });
  } catch (error) {
    if (error instanceof LabRunningError) return;
    throw error;
  }
  await takeDown(directory);
}

async function takeDown(directory: string): Promise<void> {
  await removeLab(directory);
  releaseLock(directory);
}
