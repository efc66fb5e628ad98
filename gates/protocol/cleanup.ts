import { messageOf } from "../../migration/text/text.js";
import { progress } from "./progress.js";

/** What has to be undone if the program is interrupted, such as a probe pod that is running. */

const pending = new Set<() => Promise<void>>();

/**
 * Runs `work`, then `cleanup`; when the program is interrupted meanwhile, `cleanup` runs as well.
 * A cleanup that fails is reported and changes nothing about the outcome of `work`.
 */
export async function withCleanup<T>(
  cleanup: () => Promise<void>,
  work: () => Promise<T>,
): Promise<T> {
  const once = async () => {
    if (!pending.delete(once)) return;
    try {
      await cleanup();
    } catch (error) {
      progress(`clean-up failed: ${messageOf(error)}`);
    }
  };
  pending.add(once);
  try {
    return await work();
  } finally {
    await once();
  }
}

/** Makes SIGINT and SIGTERM run what is pending, for at most ten seconds, and end the program. */
export function cleanUpOnSignals(): void {
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.once(signal, () => {
      progress(`interrupted by ${signal}; cleaning up`);
      const exit = () => process.exit(128 + number);
      setTimeout(exit, 10_000).unref();
      void Promise.allSettled([...pending].map((cleanup) => cleanup())).then(exit);
    });
  }
}
