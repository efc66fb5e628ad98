import pMap from "p-map";

import type { Worker } from "./inputs.js";
import { distinctProblems, GateError, problemsOf, type Problem } from "./problem.js";

/** Workers looked after at the same time. */
const concurrency = 10;

/**
 * Does the same on every worker, several at a time. A failure on one keeps no other from its turn;
 * all of them come together in one error.
 *
 * @param finding first line of that error, without the count
 */
export async function onEachWorker<T, Each extends Pick<Worker, "name"> = Worker>(
  workers: readonly Each[],
  finding: string,
  work: (worker: Each) => Promise<T>,
): Promise<T[]> {
  const problems: Problem[] = [];
  const failed: string[] = [];
  const results = await pMap(
    workers,
    async (worker): Promise<T[]> => {
      try {
        return [await work(worker)];
      } catch (error) {
        failed.push(worker.name);
        problems.push(...problemsOf(error, `node ${worker.name}`));
        return [];
      }
    },
    { concurrency },
  );
  if (failed.length > 0) {
    throw new GateError(
      `${finding} (${failed.length} of ${workers.length} workers: ${failed.sort().join(", ")})`,
      distinctProblems(problems),
    );
  }
  return results.flat();
}
