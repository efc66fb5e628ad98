import type { Progress } from "../progress.js";

/** Work that can be stopped: the first signal asks for it, a second one has it end at once. */
export type StoppableWork<T> = (signal: AbortSignal, atOnce: AbortSignal) => Promise<T>;

/** What is said of a signal. */
export interface StopTexts {
  first: string;
  second: string;
}

/** Of updates that move workers. */
export const movingTexts: StopTexts = {
  first:
    "stopping. What is under way on a worker comes to its end; nothing else begins. Once more, and it is ended at once.",
  second: "ending what is under way at once. The engine writes its state first.",
};

/** Of what has no worker to bring to an end. */
export const endingTexts: StopTexts = {
  first:
    "stopping. The engine ends what is under way and writes its state first; nothing new is started.",
  second: "still stopping.",
};

/**
 * Runs work that SIGINT, SIGTERM and SIGHUP ask to stop, and keeps this process alive until it has.
 * Were this process to end first, the engine would lose its program and its output, die of that, and
 * leave its lock behind.
 *
 * @param work gets what signals abort, with the signal's name as the reason's message
 */
export async function stopOnSignals<T>(
  progress: Progress,
  work: StoppableWork<T>,
  texts: StopTexts = movingTexts,
): Promise<T> {
  const stop = new AbortController();
  const atOnce = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (atOnce.signal.aborted) return;
    const [controller, text] = stop.signal.aborted ? [atOnce, texts.second] : [stop, texts.first];
    if (name === "SIGHUP") outliveTerminal();
    progress.note(`${name}: ${text}`);
    controller.abort(new Error(`stopped by ${name}`));
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const name of signals) process.on(name, onSignal);
  try {
    return await work(stop.signal, atOnce.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}

/** Once the terminal is gone, what is written to it fails; that must not end an update in hand. */
function outliveTerminal(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
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
