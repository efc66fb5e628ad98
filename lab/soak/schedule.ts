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

/** Workers at the start. */
export const firstWorkers = 3;
const fewestWorkers = 2;
const mostWorkers = 4;

/**
 * The events of a seed, without end. Every kind comes once before one comes again, so that a short
 * soak has most of them. The worker of index 1 is the canary of the settings, and never leaves.
 */
export function* schedule(seed: number): Generator<SoakEvent, never> {
  const random = randomNumbers(seed);
  const between = (least: number, most: number) =>
    least + Math.floor(random() * (most - least + 1));
  const workers = new Set(Array.from({ length: firstWorkers }, (_, index) => index + 1));
  let bag: Kind[] = [];
  for (let number = 1; ; number += 1) {
    if (bag.length === 0) bag = [...kinds];
    const possible = bag.filter((kind) => candidates(kind, workers).length > 0);
    // None of the bag may be possible now: then what is left of it goes with the next one.
    const chosen = possible[between(0, possible.length - 1)] ?? "pods";
    bag = bag.filter((kind) => kind !== chosen);
    if (possible.length === 0) bag = [];
    const from = candidates(chosen, workers);
    const index = from[between(0, from.length - 1)] ?? 0;
    if (chosen === "leave") workers.delete(index);
    if (chosen === "join") workers.add(index);
    yield {
      number,
      kind: chosen,
      node: index === 0 ? "" : `worker-${index}`,
      pause: between(5, 15),
      lasts: between(5, 15),
    };
  }
}

/** Indices of the workers to which it can happen; `[0]` where it is no worker's. */
function candidates(kind: Kind, workers: ReadonlySet<number>): number[] {
  const all = [...workers].sort((a, b) => a - b);
  const free = all.findIndex((index, at) => index !== at + 1);
  const lowestFree = free < 0 ? all.length + 1 : free + 1;
  switch (kind) {
    case "join":
      // The lab gives the lowest free index: one that left comes back under its name.
      return all.length < mostWorkers ? [lowestFree] : [];
    case "leave":
      return all.length > fewestWorkers ? all.filter((index) => index > 1) : [];
    case "replace":
      return all.filter((index) => index > 1 && index < lowestFree);
    case "reboot":
    case "agent":
    case "kube2iam":
      return all;
    case "server":
    case "pods":
    case "dns":
    case "sts-slow":
    case "sts-throttled":
      return [0];
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
