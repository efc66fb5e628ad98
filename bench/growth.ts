import { execa } from "execa";

/** Nodes of the clusters to measure: each twice as large as the one before, so × 2 is linear. */
const sizes = ["250", "500", "1000"];

export const podsPerNode = 30;

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
 * What a benchmark's program does. Run without an argument, it starts itself once for each size, in
 * a process of its own so that none finds the memory of another, and prints the figures and how
 * much they grow from size to size. It judges nothing. Run with a number of nodes, it measures that
 * size and prints its figures as JSON.
 *
 * @param program the benchmark's own file
 */
export async function benchmark(
  title: string,
  program: string,
  measure: (nodes: number) => Promise<Figures>,
): Promise<void> {
  const nodes = process.argv[2];
  if (nodes !== undefined) {
    console.log(JSON.stringify(await measure(Number(nodes))));
    return;
  }
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
