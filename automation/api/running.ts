import { messageOf } from "../../migration/text/text.js";
import type { MoveEvent } from "../events.js";
import type { Ending, Progress } from "../progress.js";

/** What happens while something runs, when it did. */
export type MigrationEvent = { /** ISO 8601. */ time: string } & (
  | MoveEvent
  /** Something begins, gets on, or ends; `what` is for people, such as `looking at the cluster`. */
  | {
      type: "step";
      what: string;
      state: "begun" | "underway" | Ending;
      detail: string | undefined;
      milliseconds: number;
    }
  /** Something worth saying. */
  | { type: "note"; text: string }
);

type WithoutTime<Event> = Event extends unknown ? Omit<Event, "time"> : never;

/** Is told what happens. */
export type Emit = (event: WithoutTime<MigrationEvent>) => void;

/**
 * Something that runs: a promise of its result, and what happens meanwhile, from its beginning, as
 * often as it is iterated. Iterating ends with the result, and throws what the promise rejects with.
 * To leave the loop early stops nothing: its signal does.
 */
export type Running<Result> = Promise<Result> & AsyncIterable<MigrationEvent>;

/** Runs work that tells what happens. */
export function running<Result>(work: (emit: Emit) => Promise<Result>): Running<Result> {
  const events: MigrationEvent[] = [];
  let ended = false;
  let sleepers: (() => void)[] = [];
  const wakeAll = () => {
    const woken = sleepers;
    sleepers = [];
    for (const wake of woken) wake();
  };
  const emit: Emit = (event) => {
    events.push({ time: new Date().toISOString(), ...event });
    wakeAll();
  };
  const result = work(emit).finally(() => {
    ended = true;
    wakeAll();
  });
  async function* iterate(): AsyncGenerator<MigrationEvent, void, undefined> {
    // It is thrown below, once what happened before it has been told.
    result.catch(() => {});
    for (let next = 0; ;) {
      const event = events[next];
      if (event !== undefined) {
        next++;
        yield event;
      } else if (ended) break;
      else await new Promise<void>((wake) => sleepers.push(wake));
    }
    await result;
  }
  return Object.assign(result, { [Symbol.asyncIterator]: iterate });
}

/**
 * Progress as events.
 *
 * @param mayGoOn is called before each piece of work, and throws where that is not to begin
 */
export function eventProgress(emit: Emit, mayGoOn: () => void): Progress {
  const step: Progress["step"] = (what) => {
    const began = Date.now();
    let ended = false;
    type State = Extract<Parameters<Emit>[0], { type: "step" }>["state"];
    const say = (state: State, detail: string | undefined) => {
      if (ended) return;
      ended = state !== "begun" && state !== "underway";
      emit({ type: "step", what, state, detail, milliseconds: Date.now() - began });
    };
    say("begun", undefined);
    return {
      update: (detail) => say("underway", detail),
      done: (detail) => say("done", detail),
      fail: (detail) => say("failed", detail),
      stop: (detail) => say("stopped", detail),
    };
  };
  return {
    step,
    note: (text) => emit({ type: "note", text }),
    async run(what, work) {
      mayGoOn();
      const running = step(what);
      try {
        const result = await work(running);
        running.done();
        return result;
      } catch (error) {
        running.fail(messageOf(error));
        throw error;
      }
    },
  };
}
