import pMap from "p-map";

import type { Cluster } from "./cluster.js";
import { firstIPv4 } from "../migration/clusterValues.js";
import { workerLabel } from "../migration/clusterFacts.js";
import type { Worker } from "./inputs.js";
import { distinctProblems, GateError, problemsOf, type Problem } from "./problem.js";

/** Workers looked after at the same time. */
const concurrency = 10;

/** Workers of the cluster, and the names of those that were asked for and are gone from it. */
export interface KnownWorkers {
  present: Worker[];
  gone: string[];
}

/**
 * The workers that a gate was given, else every node with the label by which the migration marks
 * the nodes it moves. Sorted by name.
 */
export async function readWorkers(
  cluster: Cluster,
  given: readonly Worker[] | undefined,
): Promise<KnownWorkers> {
  const nodes = new Map((await cluster.nodes()).map((node) => [node.metadata?.name ?? "", node]));
  if (given !== undefined) {
    return {
      present: given.filter(({ name }) => nodes.has(name)),
      gone: given.filter(({ name }) => !nodes.has(name)).map(({ name }) => name),
    };
  }
  const present: Worker[] = [];
  const problems: Problem[] = [];
  for (const [name, node] of [...nodes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (node.metadata?.labels?.[workerLabel] === undefined) continue;
    const address = firstIPv4(
      (node.status?.addresses ?? []).flatMap(({ type, address }) =>
        type === "InternalIP" ? [address] : [],
      ),
    );
    if (address === undefined) {
      problems.push({ where: `node ${name}`, what: "it reports no IPv4 address as InternalIP" });
    } else {
      present.push({ name, hostIp: address });
    }
  }
  if (problems.length > 0) throw new GateError("Some workers have no address", problems);
  return { present, gone: [] };
}

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
