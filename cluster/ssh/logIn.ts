import type { Duplex } from "node:stream";

import pRetry from "p-retry";
import { utils, type Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";

import type { Settings } from "../../migration/settings/schema.js";
import { dial } from "./dial.js";
import { fingerprint, isSameKey, parseHostKey } from "./hostKey.js";
import { LookError } from "../../migration/facts/workerLook.js";

/** Milliseconds between tries: the first, and the most. */
const firstDelay = 200;
const longestDelay = 5000;

/** Whom to log in to, and how. */
export interface Login {
  host: string;
  port: number;
  user: string;
  privateKey?: string | undefined;
  privateKeyPassword?: string | undefined;
  agentSocketPath?: string | undefined;
  /** Public host key; undefined where any is accepted. */
  hostKey: string | undefined;
}

/**
 * Logs in. What may pass by itself is tried again, as often as the settings say: not another host
 * key, nor a refused login.
 *
 * @param way a connection through a bastion, made anew for each try; a direct one when unset
 * @throws LookError that says whether it was the connection, the host key, or the login
 */
export function logIn(
  login: Login,
  limits: Pick<Settings["ssh"], "dialErrorLimit" | "perDialTimeoutSeconds">,
  way?: () => Promise<Duplex>,
): Promise<Client> {
  return pRetry(
    async () => {
      const check = hostKeyCheck(login.hostKey);
      const config: ConnectConfig = {
        host: login.host,
        port: login.port,
        username: login.user,
        readyTimeout: limits.perDialTimeoutSeconds * 1000,
        privateKey: login.privateKey,
        passphrase: login.privateKeyPassword,
        agent: login.agentSocketPath,
        ...check.config,
        sock: await way?.(),
      };
      try {
        return await dial(config);
      } catch (error) {
        throw explain(error as Error, check.mismatch());
      }
    },
    {
      retries: limits.dialErrorLimit - 1,
      minTimeout: firstDelay,
      maxTimeout: longestDelay,
      shouldRetry: ({ error }) => !(error instanceof LookError) || error.failed === "connect",
    },
  );
}

function explain(error: Error, mismatch: string | undefined): LookError {
  const { level } = error as { level?: string };
  if (mismatch !== undefined) return new LookError("host-key", mismatch, { cause: error });
  if (/host key/i.test(error.message)) {
    const message = "it has no host key of the type of the one that is known of it";
    return new LookError("host-key", message, { cause: error });
  }
  return new LookError(level === "client-authentication" ? "login" : "connect", error.message, {
    cause: error,
  });
}

function hostKeyCheck(line: string | undefined): {
  config: Pick<ConnectConfig, "hostVerifier" | "algorithms">;
  /** What was wrong with the key that was presented; undefined as long as nothing was. */
  mismatch: () => string | undefined;
} {
  if (line === undefined)
    return { config: { hostVerifier: () => true }, mismatch: () => undefined };
  const pinned = parseHostKey(line);
  if (pinned === undefined) throw new LookError("host-key", `${line} is no public host key`);
  let mismatch: string | undefined;
  return {
    config: {
      algorithms: { serverHostKey: signatures(pinned.type) },
      hostVerifier: (presented: Buffer) => {
        if (isSameKey(pinned, presented)) return true;
        mismatch = `it presents the host key ${fingerprint(presented)}, not ${fingerprint(pinned.blob)}`;
        return false;
      },
    },
    mismatch: () => mismatch,
  };
}

/** An RSA key signs in several ways, of which new servers refuse the one that has its own name. */
function signatures(type: string): ServerHostKeyAlgorithm[] {
  return (
    type === "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
  ) as ServerHostKeyAlgorithm[];
}

/** @throws Error where the settings have nothing to log in with, or a private key that cannot be used */
export function requireCredentials(ssh: Settings["ssh"]): void {
  if (ssh.privateKey === undefined) {
    if (ssh.agentSocketPath !== undefined) return;
    throw new Error(
      "Nothing to log in to the workers with: set ssh.privateKey (pulumi config set --secret --path ssh.privateKey) or ssh.agentSocketPath",
    );
  }
  requireKey("ssh.privateKey", ssh.privateKey, ssh.privateKeyPassword);
  const own = ssh.bastion?.privateKey;
  if (own !== undefined) requireKey("ssh.bastion.privateKey", own, undefined);
}

function requireKey(setting: string, key: string, password: string | undefined): void {
  const parsed = utils.parseKey(key, password);
  if (parsed instanceof Error) throw new Error(`${setting}: ${parsed.message}`);
}
