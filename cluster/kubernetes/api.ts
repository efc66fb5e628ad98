import { withMissingRight } from "../../migration/rights/missingRight.js";
import { messageOf } from "../../migration/text/text.js";

/* What all that reads the cluster needs of the Kubernetes client. */

/** Objects per list call; the API server's own default for chunked lists. */
const pageSize = 500;

interface Page {
  limit: number;
  _continue?: string;
}

/** A list call, of which each answer is one page. */
export type List<Item> = (
  page: Page,
) => Promise<{ items: Item[]; metadata?: { _continue?: string } }>;

/**
 * What is made of every object that a list call has. Of the objects themselves no more than a page
 * is in memory: those of a large cluster's pods take a gigabyte, what is made of them takes little.
 *
 * @param make what to keep of an object; nothing where it gives nothing
 */
export async function collect<Item, Kept>(
  list: List<Item>,
  make: (item: Item) => readonly Kept[],
): Promise<Kept[]> {
  const kept: Kept[] = [];
  let next: string | undefined;
  do {
    const page = await list({ limit: pageSize, _continue: next });
    for (const item of page.items) kept.push(...make(item));
    next = page.metadata?._continue || undefined;
  } while (next !== undefined);
  return kept;
}

/** The same; says what was read where it fails. */
export function readAll<Item, Kept>(
  what: string,
  list: List<Item>,
  make: (item: Item) => readonly Kept[],
): Promise<Kept[]> {
  return named(what, collect(list, make));
}

/**
 * The API server's own message, where an error carries one; where a right is missing, with the file
 * that gives it.
 */
export function apiMessage(error: unknown): string {
  return withMissingRight(ownMessage(error));
}

/** The same in the server's words alone. */
export function ownMessage(error: unknown): string {
  if (typeof error === "object" && error !== null && "body" in error) {
    const body = typeof error.body === "string" ? error.body : JSON.stringify(error.body);
    const message = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(body)?.[1];
    if (message !== undefined) return JSON.parse(`"${message}"`) as string;
    // Of a 401 the client drops the body, and puts the headers into its own message.
    const [, status, reason] = /^HTTP-Code: (\d+)\nMessage: (.*)/.exec(messageOf(error)) ?? [];
    if (error.body === undefined && status !== undefined) return `HTTP ${status} ${reason}`;
  }
  return messageOf(error);
}

/** A request that reads the cluster failed; its cause is the client's own error. */
export class ReadError extends Error {
  /** @param call such as `listing nodes` */
  constructor(
    readonly call: string,
    override readonly cause: unknown,
  ) {
    super(`Could not read the cluster (${call}): ${apiMessage(cause)}`, { cause });
  }
}

/** A call that says which it was where it fails. */
export async function named<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new ReadError(what, error);
  }
}

/**
 * The results of all. Each is waited for, so that one error has every call that failed: of rights
 * that are missing, all have to be known.
 */
export async function allOf<Calls extends readonly unknown[] | []>(
  calls: Calls,
): Promise<{ -readonly [Index in keyof Calls]: Awaited<Calls[Index]> }> {
  const settled = await Promise.allSettled<unknown[]>([...calls]);
  const failed = settled.flatMap((call) =>
    call.status === "rejected" ? [call.reason as unknown] : [],
  );
  if (failed.length > 1) throw new AggregateError(failed, failed.map(messageOf).join("\n"));
  if (failed.length === 1) throw failed[0];
  return Promise.all(calls);
}

/** The HTTP status that an error of the Kubernetes client carries; undefined where it has none. */
export function codeOf(error: unknown): number | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : "";
  return typeof code === "number" ? code : undefined;
}

/** Whether it says that the object is not there. */
export function isNotFound(error: unknown): boolean {
  return codeOf(error) === 404;
}

/** What reading one object gives; undefined where it is not there (yet). */
export async function ifThere<T>(what: string, read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw new ReadError(`reading ${what}`, error);
  }
}
