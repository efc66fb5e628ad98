import pRetry from "p-retry";

import { GateError } from "../../migration/text/problem.js";
import { apiMessage, codeOf, collect, isNotFound, type List } from "./api.js";

/**
 * Makes a request, again where the API server was only briefly away.
 *
 * @param what for the error: `reading node worker-1`
 * @throws ClusterError; where the object is not there, the client's own error ({@link isNotFound})
 */
export async function call<T>(what: string, request: () => Promise<T>): Promise<T> {
  try {
    return await pRetry(request, {
      retries: 4,
      minTimeout: 300,
      maxTimeout: 3000,
      // The API server's own "no" stays one; a refused connection, 429 and 5xx may pass.
      shouldRetry: ({ error }) => {
        const code = codeOf(error);
        return code === undefined || code === 429 || code >= 500;
      },
    });
  } catch (error) {
    if (isNotFound(error)) throw error;
    const finding = `${what.charAt(0).toUpperCase()}${what.slice(1)} failed: ${apiMessage(error)}`;
    throw new ClusterError(finding, what, { cause: error });
  }
}

/** The same, where "not found" is an answer: undefined. */
export async function find<T>(what: string, request: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call(what, request);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Every object that a list call has, page by page. */
export function listAll<Item>(what: string, list: List<Item>): Promise<Item[]> {
  return collect(
    (page) => call(what, () => list(page)),
    (item) => [item],
  );
}

/** An answer of the API server that is a refusal, or none at all (`code` undefined). */
export class ClusterError extends GateError {
  readonly code = codeOf(this.cause);

  /** @param call such as `listing nodes` */
  constructor(
    finding: string,
    readonly call: string,
    options: { cause: unknown },
  ) {
    super(finding, [], options);
  }
}
