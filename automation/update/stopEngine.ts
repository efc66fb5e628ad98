/** Milliseconds within which the engine says that it was interrupted itself. */
const noticeMs = 500;

/**
 * Passes a request to stop on to the engine, exactly once: it takes a second one for "terminate
 * now", and leaves its lock and pending operations behind. Ctrl-C in a terminal reaches the engine
 * by itself.
 *
 * @param asked aborted by whoever wants the update to stop
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
