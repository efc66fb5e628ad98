/** IAM is eventually consistent: what was just made may not be there yet. */
import { setTimeout as sleep } from "node:timers/promises";

/** Seconds the official provider gives IAM to spread a change. */
export const PROPAGATION_SECONDS = 120;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;

export function isError(error: unknown, name: string, message = ""): boolean {
  return error instanceof Error && error.name.startsWith(name) && error.message.includes(message);
}

export const notFound = (error: unknown) => isError(error, "NoSuchEntity");

/** A trust or a policy names a principal, or a caller uses a role, that IAM does not know yet. */
export const notSpreadYet = (error: unknown) =>
  isError(error, "MalformedPolicyDocument", "Invalid principal in policy") ||
  isError(error, "ConcurrentModification");

/** Tries again while `again` says so, for at most `seconds`; then the last error is thrown. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  again: (error: unknown) => boolean,
  { signal, seconds = PROPAGATION_SECONDS }: { signal: AbortSignal; seconds?: number },
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, MAX_DELAY_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!again(error) || Date.now() + delay > deadline) {
        throw error;
      }
      await sleep(delay, undefined, { signal });
    }
  }
}

/** The answer, or undefined where what was asked for does not exist. */
export async function orMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (notFound(error)) {
      return undefined;
    }
    throw error;
  }
}
