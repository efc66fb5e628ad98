import { execa } from "execa";

/** What one run of one size came to. */
export interface Figures {
  /** What was made of it, such as `1000 nodes, 30000 pods`. */
  size: string;
  /** Milliseconds by step. */
  milliseconds: Record<string, number>;
  /** MiB that the process had at most, everything included. */
  peakMiB: number;
  /** MiB of that which it had before the measured steps. */
  beforeMiB: number;
  /** What came out, such as a number of findings: shows that all runs did the same work. */
  result: string;
}

/**
 * Runs a benchmark once for each size, each in a process of its own so that none finds the memory
 * of another, and prints the figures and how much they grow from size to size. Judges nothing.
 *
 * @param program the program that measures one size, given as its argument, and prints its
 *   {@link Figures} as JSON
 */
export async function printGrowth(
  title: string,
  program: string,
  sizes: readonly string[],
): Promise<void> {
  console.log(title);
  let former: Figures | undefined;
  for (const size of sizes) {
    const { stdout } = await execa(process.execPath, ["--import", "tsx", program, size]);
    const figures = JSON.parse(stdout) as Figures;
    console.log(`\n${figures.size}: ${figures.result}`);
    for (const [step, value] of Object.entries(figures.milliseconds)) {
      const before = former?.milliseconds[step];
      print(step, `${value.toFixed(0)} ms`, before === undefined ? undefined : value / before);
    }
    const added = figures.peakMiB - figures.beforeMiB;
    print("peak memory", `${figures.peakMiB.toFixed(0)} MiB`, ratio(figures, former));
    print("of it, by what is measured", `${added.toFixed(0)} MiB`);
    former = figures;
  }
}

function ratio(figures: Figures, former: Figures | undefined): number | undefined {
  return former === undefined ? undefined : figures.peakMiB / former.peakMiB;
}

function print(name: string, value: string, growth?: number): void {
  const grown = growth === undefined ? "" : `   × ${growth.toFixed(2)}`;
  console.log(`  ${name.padEnd(28)}${value.padStart(9)}${grown}`);
}

/** Milliseconds that a step takes, and what it gives. */
export async function timed<Result>(
  step: () => Result | Promise<Result>,
): Promise<{ milliseconds: number; result: Result }> {
  const begin = performance.now();
  const result = await step();
  return { milliseconds: performance.now() - begin, result };
}

/** MiB that this process has had at most. */
export function peakMiB(): number {
  return process.resourceUsage().maxRSS / 1024;
}
