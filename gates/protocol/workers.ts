import pMap from "p-map";

import type { Worker } from "../../migration/situation/target.js";
import {
  distinctProblems,
  GateError,
  problemsOf,
  type Problem,
} from "../../migration/text/problem.js";

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
  const { results, failed, problems } = await tryEachWorker(workers, work);
  if (failed.length > 0) {
    const names = failed.map(({ name }) => name).sort();
    throw new GateError(
      `${finding} (${failed.length} of ${workers.length} workers: ${names.join(", ")})`,
      distinctProblems(problems),
    );
  }
  return results;
}

/** The same for callers that have more to do once some have failed. */
export async function tryEachWorker<T, Each extends Pick<Worker, "name">>(
  workers: readonly Each[],
  work: (worker: Each) => Promise<T>,
): Promise<{ results: T[]; failed: Each[]; problems: Problem[] }> {
  const failed: Each[] = [];
  const problems: Problem[] = [];
  const results = await pMap(
    workers,
    async (worker): Promise<T[]> => {
      try {
        return [await work(worker)];
      } catch (error) {
        failed.push(worker);
        problems.push(...problemsOf(error, `node ${worker.name}`));
        return [];
      }
    },
    { concurrency },
  );
  return { results: results.flat(), failed, problems };
}
