/* What happens in a soak, and when: nothing but the seed decides. */

/** What can happen; lab/soak/events.ts has what each does. */
export const kinds = [
  "join",
  "leave",
  "replace",
  "reboot",
  "agent",
  "kube2iam",
  "server",
  "pods",
  "dns",
  "sts-slow",
  "sts-throttled",
] as const;

export type Kind = (typeof kinds)[number];

export interface SoakEvent {
  /** 1, 2, 3 … */
  number: number;
  kind: Kind;
  /** The worker it happens to; empty where it is no worker's. */
  node: string;
  /** Seconds of calm before it. */
  pause: number;
  /** Seconds for which a trouble lasts that ends by itself. */
  lasts: number;
}

/** Workers at the start, and after each round of all kinds; one more or less in between. */
export const firstWorkers = 3;

/**
 * The events of a seed, without end. Every kind comes once before one comes again, so that a short
 * soak has most of them. The worker of index 1 is the canary of the settings, and never leaves.
 */
export function* schedule(seed: number): Generator<SoakEvent, never> {
  const random = randomNumbers(seed);
  const between = (least: number, most: number) =>
    least + Math.floor(random() * (most - least + 1));
  let workers = firstWorkers;
  let bag: Kind[] = [];
  for (let number = 1; ; number += 1) {
    if (bag.length === 0) bag = [...kinds];
    const kind = bag[between(0, bag.length - 1)] ?? "pods";
    bag = bag.filter((each) => each !== kind);
    const index = workerOf(kind, workers, between);
    if (kind === "leave") workers -= 1;
    if (kind === "join") workers += 1;
    yield {
      number,
      kind,
      node: index === undefined ? "" : `worker-${index}`,
      pause: between(5, 15),
      lasts: between(5, 15),
    };
  }
}

/**
 * The index of the worker to which it happens, of 1 to `workers`; undefined where it is none's. The
 * last one leaves, as the lab gives the lowest free index: who joins next comes under its name.
 */
function workerOf(
  kind: Kind,
  workers: number,
  between: (least: number, most: number) => number,
): number | undefined {
  switch (kind) {
    case "join":
      return workers + 1;
    case "leave":
      return workers;
    case "replace":
      return between(2, workers);
    case "reboot":
    case "agent":
    case "kube2iam":
      return between(1, workers);
    case "server":
    case "pods":
    case "dns":
    case "sts-slow":
    case "sts-throttled":
      return undefined;
  }
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
