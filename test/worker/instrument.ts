import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

import waitFor from "p-wait-for";

/** A long-running child that talks in lines. */
export class Instrument {
  private readonly lines: AsyncIterator<string>;
  private stderr = "";

  constructor(readonly child: ChildProcessWithoutNullStreams) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.on("data", (data: Buffer) => (this.stderr += data.toString()));
  }

  /** The next line it prints. */
  async line(): Promise<string> {
    const next = await this.lines.next();
    if (next.done === true) throw new Error(`ended unexpectedly: ${this.stderr}`);
    return next.value;
  }

  /** Waits until it has printed this on stderr. */
  async says(text: string): Promise<void> {
    await waitUntil(() => Promise.resolve(this.stderr.includes(text)));
  }

  /** Tells it something and gives what it answers. */
  async say(order: string): Promise<string> {
    this.child.stdin.write(`${order}\n`);
    return await this.line();
  }
}

/** Asks every few milliseconds until the answer is yes; gives up after ten seconds. */
export async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  await waitFor(condition, { interval: 20, timeout: { milliseconds: 10_000 } });
}
