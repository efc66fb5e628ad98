import { homedir } from "node:os";
import { join } from "node:path";

import type { KubeConfig } from "@kubernetes/client-node";

import { ContactError } from "../../migration/contact/contact.js";
import { kubeconfigContact, type KubeconfigFailure } from "../../migration/contact/kubeconfig.js";
import { messageOf } from "../../migration/text/text.js";

/** Seconds in which the API server has to have answered a request, the answer's end included. */
export const answerSeconds = 30;

/** The program that the kubeconfig has give credentials was not there, or gave none. */
export class CredentialsError extends Error {}

/** What the client makes up where it finds no kubeconfig at all. Ones that it has exported have its name. */
const madeUp = { context: "loaded-context", server: "http://localhost:8080" };

/**
 * Kubernetes access by the usual rules: KUBECONFIG, ~/.kube/config, or in-cluster. No request of the
 * API clients that it makes waits for ever.
 *
 * @param seconds that a request has; see {@link answerSeconds}
 * @throws ContactError where that leads to no cluster
 */
export async function kubeConfig(
  context?: string,
  seconds: number = answerSeconds,
): Promise<KubeConfig> {
  // Loaded only where it is used: the client takes longer to load than most of our programs run.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (error) {
    throw refused({ is: "unreadable", code: systemCode(error), said: messageOf(error) }, error);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const failure = whyUnusable(config, context !== undefined);
  if (failure !== undefined) throw refused(failure);
  limitRequests(config, seconds);
  return config;
}

function isMadeUp(config: KubeConfig): boolean {
  const [context, ...others] = config.getContexts();
  const server = config.getClusters()[0]?.server;
  return others.length === 0 && context?.name === madeUp.context && server === madeUp.server;
}

/** @param setting whether the stack's settings name the context */
function whyUnusable(config: KubeConfig, setting: boolean): KubeconfigFailure | undefined {
  const contexts = config.getContexts().map(({ name }) => name);
  if (isMadeUp(config)) return { is: "missing" };
  const context = config.getCurrentContext();
  // Of a file without one, the client has no context, whatever its type says.
  if (!context) return { is: "no-current-context", contexts };
  if (!contexts.includes(context)) return { is: "unknown-context", context, setting, contexts };
  const cluster = config.getCurrentCluster();
  if (cluster === null) return { is: "incomplete-context", context };
  const { server, skipTLSVerify } = cluster;
  return server.startsWith("http:") && !skipTLSVerify
    ? { is: "plain-http", context, server }
    : undefined;
}

/** Each request is authenticated by the configuration just before it is sent. */
function limitRequests(config: KubeConfig, seconds: number): void {
  const authenticate = config.applySecurityAuthentication.bind(config);
  config.applySecurityAuthentication = async (request) => {
    try {
      await authenticate(request);
    } catch (error) {
      throw new CredentialsError(messageOf(error), { cause: error });
    }
    request.setSignal(AbortSignal.timeout(seconds * 1000));
  };
}

function refused(failure: KubeconfigFailure, cause?: unknown): ContactError {
  return new ContactError(kubeconfigContact(kubeconfigPlace(), failure), { cause });
}

/** Where the kubeconfig is looked for. */
function kubeconfigPlace(env: NodeJS.ProcessEnv = process.env): string {
  return env.KUBECONFIG
    ? `KUBECONFIG=${env.KUBECONFIG}`
    : `${join(homedir(), ".kube", "config")} (KUBECONFIG is not set)`;
}

function systemCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
