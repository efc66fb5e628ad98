import pWaitFor from "p-wait-for";

/** Milliseconds between two looks at something. */
const interval = 400;

/** A moment in time after which waiting ends. */
export class Deadline {
  private constructor(private at: number) {}

  static after(seconds: number): Deadline {
    return new Deadline(Date.now() + seconds * 1000);
  }

  /** Begins anew: something went forward. */
  renew(seconds: number): void {
    this.at = Date.now() + seconds * 1000;
  }

  get passed(): boolean {
    return Date.now() >= this.at;
  }

  /** Seconds left; never negative. */
  get secondsLeft(): number {
    return Math.max(0, (this.at - Date.now()) / 1000);
  }
}

/** What a look found: it is as wanted, with a value; or not yet, and why. */
export type Look<T, Pending> = { done: T } | { pending: Pending };

/**
 * Looks again and again until it is as wanted or the deadline has passed; looks at least once.
 * Whoever calls decides what a passed deadline means, so that the last reason is not lost.
 */
export async function waitFor<T, Pending>(
  deadline: Deadline,
  look: () => Promise<Look<T, Pending>>,
  every = interval,
): Promise<Look<T, Pending>> {
  return pWaitFor<Look<T, Pending>>(
    async () => {
      const seen = await look();
      return "done" in seen || deadline.passed ? pWaitFor.resolveWith(seen) : false;
    },
    { interval: every },
  );
}
