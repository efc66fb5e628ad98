import type { Origin } from "./types.js";

/** This source does not have the part, which is no error: the next one is asked. */
export class Unavailable extends Error {}

export interface Found<T> {
  value: T;
  /** As the part itself reports it. */
  version: string;
  note?: string;
}

export interface Source<T> {
  origin: Origin;
  /**
   * @throws {Unavailable} when it has none; any other error ends the search, because the part is
   * there and does not work.
   */
  find(): Promise<Found<T>>;
}

/**
 * Asks the sources in their order and takes the first that has the part.
 *
 * @throws when a source fails for another reason than having none, or when none has it: the message
 * says what each one answered.
 */
export async function search<T>(
  part: string,
  sources: readonly Source<T>[],
): Promise<Found<T> & { origin: Origin }> {
  const answers: string[] = [];
  for (const source of sources) {
    try {
      return { ...(await source.find()), origin: source.origin };
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      answers.push(`  ${source.origin}: ${error.message}`);
    }
  }
  throw new Error(`${part} is nowhere to be had:\n${answers.join("\n")}`);
}
