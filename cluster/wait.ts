import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds between two looks at something. */
export const interval = 400;

/** A moment in time after which waiting ends. */
export class Deadline {
  private constructor(private at: number) {}

  static after(seconds: number): Deadline {
    return new Deadline(Date.now() + seconds * 1000);
  }

  /** Begins anew, since there was progress. */
  renew(seconds: number): void {
    this.at = Date.now() + seconds * 1000;
  }

  get passed(): boolean {
    return Date.now() >= this.at;
  }
}

/** What a look found: it is as wanted, with a value; or not yet, and why. */
export type Look<T, Pending> = { done: T } | { pending: Pending };

/** Tells when it is worth while to look again. */
export interface Changes {
  /** Resolves with the next change, or soon in any case. */
  next(): Promise<void>;
}

/**
 * Looks again and again until it is as wanted or the deadline has passed; looks at least once.
 * The caller decides what a passed deadline means, so that the last reason is not lost.
 *
 * @param pause milliseconds between two looks, or what says when to look again
 */
export async function waitFor<T, Pending>(
  deadline: Deadline,
  look: () => Promise<Look<T, Pending>>,
  pause: number | Changes = interval,
): Promise<Look<T, Pending>> {
  for (;;) {
    const seen = await look();
    if ("done" in seen || deadline.passed) return seen;
    await (typeof pause === "number" ? sleep(pause) : pause.next());
  }
}
