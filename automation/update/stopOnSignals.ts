import type { Progress } from "../progress.js";

/**
 * Runs work that SIGINT and SIGTERM ask to stop, and keeps this process alive until it has. Were
 * this process to end first, the engine would lose its program and its output, die of that, and
 * leave its lock behind.
 *
 * @param work gets what the signals abort, with the signal's name as the reason's message
 */
export async function stopOnSignals<T>(
  progress: Progress,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) return;
    progress.note(
      `${name}: stopping. The engine ends what is under way and writes its state first; nothing new is started.`,
    );
    stop.abort(new Error(`stopped by ${name}`));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const name of signals) process.on(name, onSignal);
  try {
    return await work(stop.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}
