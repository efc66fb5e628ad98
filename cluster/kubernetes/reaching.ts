import type { KubeConfig } from "@kubernetes/client-node";

import {
  apiContact,
  noAnswer,
  noCredentials,
  type ApiAddress,
  type ApiFailure,
} from "../../migration/contact/apiServer.js";
import { ContactError } from "../../migration/contact/contact.js";
import { codeOf, ownMessage, ReadError } from "./api.js";
import { ClusterError } from "./call.js";
import { answerSeconds, CredentialsError } from "./kubeConfig.js";

/**
 * Runs what reads the cluster. Where the API server was out of reach, or refused, the error says
 * so once, with cause and cure, whatever number of requests failed.
 *
 * @throws ContactError; what is not explained by it is thrown as it is
 */
export async function reaching<T>(
  config: KubeConfig,
  read: () => Promise<T>,
  seconds: number = answerSeconds,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const contact = apiContact(addressOf(config, seconds), apiFailures(error));
    throw contact === undefined ? error : new ContactError(contact, { cause: error });
  }
}

function addressOf(config: KubeConfig, seconds: number): ApiAddress {
  const user = config.getCurrentUser();
  const program: unknown = (user?.exec as { command?: unknown } | undefined)?.command;
  return {
    server: config.getCurrentCluster()?.server ?? "",
    context: config.getCurrentContext(),
    user: user?.name ?? "(none)",
    credentialsProgram: typeof program === "string" ? program : undefined,
    seconds,
  };
}

function apiFailures(error: unknown): ApiFailure[] {
  if (error instanceof AggregateError) return error.errors.flatMap(apiFailures);
  if (!(error instanceof ReadError || error instanceof ClusterError)) return [];
  const { cause } = error;
  return [
    { call: error.call, status: codeOf(cause), code: reasonOf(cause), said: ownMessage(cause) },
  ];
}

/** What kept an answer from coming: of this program, or of Node. */
function reasonOf(cause: unknown): string | undefined {
  if (cause instanceof CredentialsError) return noCredentials;
  if (!(cause instanceof Error)) return undefined;
  if (cause.name === "AbortError" || cause.name === "TimeoutError") return noAnswer;
  return "code" in cause && typeof cause.code === "string" ? cause.code : undefined;
}
