import { rmSync, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Begins } from "../../components/begins.js";
import { mayBegin, StopAskedError, type Beginning } from "../../migration/move/orderlyStop.js";

/** How many resources the engine works on at the same time, unless it is told otherwise. */
export const stepsAtOnce = 10;

/** Something that waits to begin. */
interface Waiting {
  what: Beginning;
  begin: () => void;
  refuse: (error: StopAskedError) => void;
}

/**
 * A stop in order of the updates of one move: the moves of workers that have begun come to their end,
 * and nothing else begins. It lets no more workers begin than the engine can work on: else a wave of a
 * hundred would have begun as a whole with its first.
 */
export class OrderlyStop implements Begins {
  private inHand = 0;
  private waiting: Waiting[] = [];

  /**
   * @param signal aborted to ask for it
   * @param file is there once it was asked for; gates look for it
   */
  constructor(
    private readonly signal: AbortSignal,
    readonly file: string,
    private readonly most = stepsAtOnce,
  ) {
    const ask = () => {
      writeFileSync(file, "");
      this.decide();
    };
    if (signal.aborted) ask();
    else signal.addEventListener("abort", ask, { once: true });
  }

  get asked(): boolean {
    return this.signal.aborted;
  }

  /** @throws StopAskedError where nothing may begin any more */
  refuseIfAsked(): void {
    if (this.asked) throw new StopAskedError();
  }

  part(): Promise<void> {
    return this.queue("part");
  }

  worker(): Promise<void> {
    return this.queue("worker");
  }

  workerEnded(): void {
    this.inHand--;
    this.decide();
  }

  private queue(what: Beginning): Promise<void> {
    return new Promise((begin, refuse) => {
      this.waiting.push({ what, begin, refuse });
      this.decide();
    });
  }

  private decide(): void {
    this.waiting = this.waiting.filter(({ what, begin, refuse }) => {
      switch (mayBegin(what, { asked: this.asked, inHand: this.inHand, most: this.most })) {
        case "now":
          if (what === "worker") this.inHand++;
          begin();
          return false;
        case "never":
          refuse(new StopAskedError());
          return false;
        case "later":
          return true;
      }
    });
  }
}

/** Runs updates that can be stopped in order; by nothing but the engine where there is no signal. */
export async function withOrderlyStop<T>(
  signal: AbortSignal | undefined,
  updates: (stop: OrderlyStop | undefined) => Promise<T>,
): Promise<T> {
  if (signal === undefined) return updates(undefined);
  const directory = await mkdtemp(join(tmpdir(), "kiam-migrate-"));
  try {
    return await updates(new OrderlyStop(signal, join(directory, "stop")));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
