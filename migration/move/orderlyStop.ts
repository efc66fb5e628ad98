import { GateError } from "../text/problem.js";

/*
 * A stop in order: what has begun on a worker comes to its end, and nothing else begins. The program
 * asks before it hands anything new to the engine; gates that work through nodes look for a file.
 */

/** The variable of an update's environment that names the file. It is there once a stop was asked for. */
export const stopFileVariable = "KUBE2IAM_TO_KIAM_STOP_FILE";

/** What wants to begin: a worker's move, or any other part of the migration. */
export type Beginning = "worker" | "part";

interface Course {
  /** Whether a stop was asked for. */
  asked: boolean;
  /** Workers whose move has begun and not ended. */
  inHand: number;
  /** How many of them there may be at a time. */
  most: number;
}

/**
 * Whether it may begin: now, later (ask again once a worker's move has ended, or a stop was asked for),
 * or never in this update.
 *
 * A refusal ends the program, and with it all that the engine has not begun. So it comes only once no
 * worker is in hand.
 */
export function mayBegin(
  what: Beginning,
  { asked, inHand, most }: Course,
): "now" | "later" | "never" {
  if (asked) return inHand === 0 ? "never" : "later";
  return what === "worker" && inHand >= most ? "later" : "now";
}

const words = "A stop was asked for";

/** What does not begin any more, because a stop was asked for. */
export class StopAskedError extends GateError {
  /** @param left what is left as it is, where there is something to say of it */
  constructor(left?: string) {
    super(left === undefined ? `${words}.` : `${words}: ${left}.`);
    this.name = "StopAskedError";
  }
}

/**
 * What an update failed for, apart: what it left because a stop was asked for, each once; and errors
 * that have nothing to do with it.
 */
export function stopsAmong(errors: readonly string[]): {
  asked: boolean;
  left: string[];
  others: string[];
} {
  const others = errors.filter((error) => !error.includes(words));
  const said = errors.flatMap((error) => [...error.matchAll(new RegExp(`${words}: (.*)\\.`, "g"))]);
  const left = [...new Set(said.map(([, what = ""]) => what))];
  return { asked: others.length < errors.length, left, others };
}
