import { plannedWorkers, type Plan } from "../plan/plan.js";
import { resourceOfStep, type LeftToDo } from "../status/leftToDo.js";

/** How far an update is, by the workers on which it has something to do. */
export interface Overview {
  /** The wave in hand; undefined once all are done, or where the rest is in none. */
  wave: { name: string; number: number; of: number } | undefined;
  /** Workers on which everything is done. */
  done: number;
  of: number;
}

/**
 * @param left what the update has to do on each worker, by name
 * @param finished names of the resources that it is through with
 */
export function overviewOf(
  plan: Plan,
  left: ReadonlyMap<string, readonly LeftToDo[]>,
  finished: ReadonlySet<string>,
): Overview {
  const resources = (worker: string) =>
    (left.get(worker) ?? []).flatMap((what) => {
      const resource = resourceOf(what);
      return resource === undefined ? [] : [`${worker}-${resource}`];
    });
  const workers = plannedWorkers(plan).filter(({ name }) => resources(name).length > 0);
  const open = new Set(
    workers.flatMap(({ name }) =>
      resources(name).every((resource) => finished.has(resource)) ? [] : [name],
    ),
  );
  const waves = plan.waves.filter((wave) => wave.workers.some((each) => workers.includes(each)));
  const index = waves.findIndex((wave) => wave.workers.some(({ name }) => open.has(name)));
  const wave = waves[index];
  return {
    wave: wave && { name: wave.name, number: index + 1, of: waves.length },
    done: workers.length - open.size,
    of: workers.length,
  };
}

/** The resource by which it is seen to be done; undefined where none tells. */
function resourceOf(what: LeftToDo): string | undefined {
  if (what === "kube2iam-pod-goes") return undefined;
  // Its removal brings the worker back.
  return resourceOfStep[what === "way-back" ? "recheck" : what];
}

/**
 * Milliseconds that the rest may take, at the pace so far; undefined where there is no pace yet, or
 * nothing left.
 */
export function expectedMore({ done, of }: Overview, elapsed: number): number | undefined {
  return done === 0 || done === of ? undefined : (elapsed / done) * (of - done);
}
