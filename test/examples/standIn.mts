/*
 * Stands in for "kube2iam-to-kiam" in an example: node --import this example.mts. It moves nothing, and
 * writes each call as a line of JSON to the file CALLS. What comes of them is in the variable SCENARIO.
 */
import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

import type * as Api from "../../automation/api/index.js";

/** What comes of calls; by default all goes well. */
export interface Scenario {
  /** Stacks whose plan has a worker that has to wait. */
  waits?: readonly string[];
  /** Stacks whose move fails. */
  fails?: readonly string[];
  /** Stacks of which something is left to do, with the look from which on it is: 1 is the first. */
  undone?: Record<string, number>;
}

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "kube2iam-to-kiam"
      ? { url: import.meta.url, shortCircuit: true }
      : next(specifier, context),
});

const {
  waits = [],
  fails = [],
  undone = {},
} = JSON.parse(process.env.SCENARIO ?? "{}") as Scenario;
const looks: Record<string, number> = {};

function called(name: string, ...details: unknown[]): void {
  appendFileSync(process.env.CALLS ?? "/dev/null", `${JSON.stringify([name, ...details])}\n`);
}

export class MigrationError extends Error {
  readonly next = ["kiam-migrate status --stack it"];
}

export const stages: typeof Api.stages = ["prepare", "server", "agent", "cutover", "retire"];

export const stopOnSignals: typeof Api.stopOnSignals = (work) =>
  work(new AbortController().signal, new AbortController().signal);

export const openStack: typeof Api.openStack = ({ stack, settings }) => {
  called("openStack", stack, ...(settings === undefined ? [] : [settings]));
  return Promise.resolve({ stackName: stack, directory: "/" });
};

export const migrate: typeof Api.migrate = ({ stackName }, { to, approve, signal, atOnce }) => {
  const stoppable = [signal, atOnce].every((each) => each instanceof AbortSignal);
  called("migrate", stackName, to, stoppable);
  const waiting = waits.includes(stackName) ? [{ name: "worker-1", why: "it is not Ready" }] : [];
  const planned = { id: "0123456789ab", stages: [to], all: false, plan: { waiting }, warnings: [] };
  return running(async (emit) => {
    emit({ type: "planned", planned } as never);
    const approved =
      typeof approve === "function" ? await approve(planned as never) : approve === true;
    if (!approved) throw new MigrationError("It was not approved.");
    emit({ type: "resource", operation: "create", what: "gate worker-1-cutover-live" } as never);
    if (fails.includes(stackName)) throw new MigrationError("A gate failed.");
    emit({ type: "stage-done", at: to, milliseconds: 1, steps: [] } as never);
    return {} as Api.MoveDone;
  });
};

export const status: typeof Api.status = ({ stackName }) => {
  called("status", stackName);
  const look = (looks[stackName] = (looks[stackName] ?? 0) + 1);
  const done = look < (undone[stackName] ?? Infinity);
  const workers = [{ proven: true }, { proven: done }];
  return running(() =>
    Promise.resolve({ done, workers, next: ["kiam-migrate audit"] } as Api.StatusAnswer),
  );
};

function running<Result>(
  work: (emit: (event: Api.MigrationEvent) => void) => Promise<Result>,
): Api.Running<Result> {
  const events: Api.MigrationEvent[] = [];
  const result = work((event) => void events.push(event));
  async function* iterate(): AsyncGenerator<Api.MigrationEvent, void, undefined> {
    await result.catch(() => {});
    yield* events;
    await result;
  }
  return Object.assign(result, { [Symbol.asyncIterator]: iterate });
}
