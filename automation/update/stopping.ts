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

/** Milliseconds within which the engine says that it was interrupted itself. */
const noticeMs = 500;

/**
 * Passes a request to stop on to the engine, exactly once: it takes a second one for "terminate
 * now", and leaves its lock and pending operations behind. Ctrl-C in a terminal reaches the engine
 * by itself.
 *
 * @param asked aborted by the caller that wants the update to stop
 * @param isStopping whether the engine has said that it is stopping
 * @returns what to give to the Automation API, which interrupts the engine when it is aborted
 */
export function stopEngineOnce(
  asked: AbortSignal | undefined,
  isStopping: () => boolean,
): { signal?: AbortSignal; dispose(): void } {
  if (asked === undefined) return { dispose: () => {} };
  asked.throwIfAborted();
  const engine = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const passOn = () => {
    timer = setTimeout(() => {
      if (!isStopping()) engine.abort();
    }, noticeMs);
  };
  asked.addEventListener("abort", passOn, { once: true });
  return {
    signal: engine.signal,
    dispose: () => {
      asked.removeEventListener("abort", passOn);
      clearTimeout(timer);
    },
  };
}
