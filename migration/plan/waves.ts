import type { PlannedWorker, Wave } from "./plan.js";

export interface WaveOrder {
  /** Workers whose last cutover did not end well: they go first, one by one. */
  failed: readonly string[];
  /** Then these, one by one, in this order; the first of the others by name when empty. */
  canaries: readonly string[];
  /** Then the others by name, so many at a time: a number, or a percentage of them. */
  waveSize: number | string;
}

/** The workers in the order in which they move. Names that are no worker's (any more) are passed over. */
export function makeWaves(
  workers: readonly PlannedWorker[],
  { failed, canaries, waveSize }: WaveOrder,
): Wave[] {
  const retried = workers.filter((worker) => failed.includes(worker.name));
  const others = workers.filter((worker) => !failed.includes(worker.name));
  const named = canaries.flatMap((name) => others.filter((worker) => worker.name === name));
  // One worker has to be first, and alone.
  const alone = canaries.length === 0 && retried.length === 0 ? others.slice(0, 1) : named;
  const rest = others.filter((worker) => !alone.includes(worker));
  const size =
    typeof waveSize === "number"
      ? waveSize
      : Math.max(1, Math.ceil((rest.length * Number.parseInt(waveSize, 10)) / 100));
  const waves: Wave[] = [
    ...retried.map((worker, index) => ({ name: `retry-${index + 1}`, workers: [worker] })),
    ...alone.map((worker, index) => ({ name: `canary-${index + 1}`, workers: [worker] })),
  ];
  for (let start = 0; start < rest.length; start += size) {
    waves.push({ name: `wave-${start / size + 1}`, workers: rest.slice(start, start + size) });
  }
  return waves;
}
