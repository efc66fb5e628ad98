import pRetry from "p-retry";
import { z } from "zod";

import { messageOf } from "../../../migration/text/text.js";

interface ApiRequest {
  /** For messages: `Reading the comments of pull request 12`. */
  what: string;
  url: string;
  method: "GET" | "POST" | "PATCH" | "PUT";
  headers: Record<string, string>;
  body?: object;
  /**
   * Whether it does the same when it is made twice. A comment must not be created a second time only
   * because the answer to the first request was lost.
   */
  repeatable: boolean;
}

/** The forge said no, or could not be reached. */
export class ForgeError extends Error {
  constructor(
    message: string,
    readonly status: number | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ForgeError";
  }
}

/** How long one request may take, in milliseconds. */
const timeout = 30_000;

/**
 * A request to the API of GitHub or GitLab, again where that was only briefly away.
 *
 * @throws ForgeError with what was asked, what was answered and what to do
 */
export async function callForge<T>(request: ApiRequest, schema: z.ZodType<T>): Promise<T> {
  return pRetry(() => once(request, schema), {
    retries: request.repeatable ? 3 : 0,
    minTimeout: 500,
    maxTimeout: 5_000,
    shouldRetry: ({ error }) =>
      error instanceof ForgeError &&
      (error.status === undefined || error.status === 429 || error.status >= 500),
  });
}

async function once<T>({ what, url, method, headers, body }: ApiRequest, schema: z.ZodType<T>) {
  const where = `${method} ${url}`;
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      // The token is for this address alone.
      redirect: "error",
      signal: AbortSignal.timeout(timeout),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    // fetch says "fetch failed", and why only in the cause.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new ForgeError(
      `${what} failed: ${where} was not answered: ${messageOf(cause)}\n  What to do: the runner needs a way to that address. Behind a proxy, set HTTPS_PROXY and NODE_USE_ENV_PROXY=1.`,
      undefined,
      { cause: error },
    );
  }
  if (status < 200 || status > 299) {
    throw new ForgeError(
      `${what} failed: ${where} answered ${status}: ${saidIn(text)}${cure(status)}`,
      status,
    );
  }
  const answer = schema.safeParse(parsed(text));
  if (!answer.success) {
    throw new ForgeError(
      `${what} failed: ${where} answered something else than expected: ${z.prettifyError(answer.error)}`,
      status,
    );
  }
  return answer.data;
}

const cures: Record<number, string> = {
  401: "the token is not valid, or no longer",
  403: "the token may not do this: on GitHub the job needs permissions: pull-requests: write; on GitLab the token needs the scope api and the role Reporter",
  404: "the token cannot see this repository or pull request, or there is none of that number",
};

function cure(status: number): string {
  const words = cures[status];
  return words === undefined ? "" : `\n  What to do: ${words}.`;
}

/** What an answer says in words: the message of GitHub, the message or error of GitLab, or its beginning. */
function saidIn(text: string): string {
  const json = parsed(text);
  if (typeof json === "object" && json !== null) {
    const { message, error, errors } = json as Record<string, unknown>;
    const words = [message ?? error, errors].filter((each) => each !== undefined);
    if (words.length > 0) {
      return words
        .map((each) => (typeof each === "string" ? each : JSON.stringify(each)))
        .join(" ");
    }
  }
  return text.trim().slice(0, 300) || "nothing";
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
