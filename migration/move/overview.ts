import { plannedWorkers, type Plan } from "../plan/plan.js";
import type { Stage } from "../stages.js";
import { resourceOfStep, type LeftToDo } from "../status/leftToDo.js";
import { count, someOf } from "../text/text.js";

/** How far an update is, by the workers on which it has something to do. */
export interface Overview {
  /** The wave in hand; undefined once all are done, or where the rest is in none. */
  wave: { name: string; number: number; of: number } | undefined;
  /** Workers on which everything is done. */
  done: number;
  of: number;
}

/** Workers on which an update has something to do, by name: those it is through with, and the others. */
export interface WorkersSoFar {
  through: string[];
  open: string[];
}

/**
 * @param left what the update has to do on each worker, by name
 * @param finished names of the resources that it is through with
 */
export function workersSoFar(
  plan: Plan,
  left: ReadonlyMap<string, readonly LeftToDo[]>,
  finished: ReadonlySet<string>,
): WorkersSoFar {
  const resources = (worker: string) =>
    (left.get(worker) ?? []).flatMap((what) => {
      const resource = resourceOf(what);
      return resource === undefined ? [] : [`${worker}-${resource}`];
    });
  const names = plannedWorkers(plan)
    .map(({ name }) => name)
    .filter((name) => resources(name).length > 0);
  const isThrough = (name: string) => resources(name).every((each) => finished.has(each));
  return { through: names.filter(isThrough), open: names.filter((name) => !isThrough(name)) };
}

/** For an update that was stopped: on which workers it is done, and on which not. */
export function describeWorkersSoFar(stage: Stage, { through, open }: WorkersSoFar): string {
  const shown = 20;
  const done = through.length === 0 ? "" : `: ${someOf(through, shown)}`;
  const rest = open.length === 0 ? "" : ` Not done: ${someOf(open, shown)}.`;
  const all = count(through.length + open.length, "worker");
  return `Done at stage ${stage}: ${through.length} of ${all}${done}.${rest}`;
}

/** See {@link workersSoFar}. */
export function overviewOf(
  plan: Plan,
  left: ReadonlyMap<string, readonly LeftToDo[]>,
  finished: ReadonlySet<string>,
): Overview {
  const { through, open } = workersSoFar(plan, left, finished);
  const concerned = new Set([...through, ...open]);
  const waves = plan.waves.filter((wave) => wave.workers.some(({ name }) => concerned.has(name)));
  const index = waves.findIndex((wave) => wave.workers.some(({ name }) => open.includes(name)));
  const wave = waves[index];
  return {
    wave: wave && { name: wave.name, number: index + 1, of: waves.length },
    done: through.length,
    of: concerned.size,
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
