/** A remote command's `connection` in the terms of the SSH library. */
import { createHash, timingSafeEqual } from "node:crypto";
import { createConnection } from "node:net";

import { utils, type AuthenticationType, type ConnectConfig } from "ssh2";

import { text, type PropertyMap } from "../plugin/values.js";

export interface ClientConfig extends ConnectConfig {
  /** Why the server's identity was not accepted; undefined as long as it was not refused. */
  hostKeyProblem?: () => string | undefined;
}

/** @throws where the settings cannot work at all, which no retry would change. */
export async function clientConfig(connection: PropertyMap): Promise<ClientConfig> {
  const agent = text(connection, "agentSocketPath") ?? (process.env.SSH_AUTH_SOCK || undefined);
  const privateKey = text(connection, "privateKey");
  const passphrase = text(connection, "privateKeyPassword");
  const password = text(connection, "password");
  if (privateKey !== undefined) {
    const key = utils.parseKey(privateKey, passphrase);
    if (key instanceof Error) {
      throw new Error(`connection.privateKey: ${key.message}`);
    }
  }
  if (agent !== undefined) {
    await requireAgent(agent);
  }
  // The official provider's order; nothing is tried that was not given.
  const methods: AuthenticationType[] = [
    "none",
    ...(privateKey === undefined ? [] : ["publickey" as const]),
    ...(password === undefined ? [] : ["password" as const, "keyboard-interactive" as const]),
    ...(agent === undefined ? [] : ["agent" as const]),
  ];
  return {
    host: text(connection, "host"),
    port: Math.trunc(Number(connection.port)),
    username: text(connection, "user"),
    readyTimeout: Number(connection.perDialTimeout) * 1000,
    privateKey,
    passphrase,
    password,
    agent,
    tryKeyboard: password !== undefined,
    authHandler: methods,
    ...pinnedHostKey(text(connection, "hostKey")),
  };
}

function pinnedHostKey(
  line: string | undefined,
): Pick<ClientConfig, "hostVerifier" | "algorithms" | "hostKeyProblem"> {
  if (line === undefined) {
    // As official: without a host key the server may be anyone.
    return { hostVerifier: () => true };
  }
  const { type, blob } = parseHostKey(line);
  let problem: string | undefined;
  return {
    algorithms: { serverHostKey: [type as "ssh-ed25519"] },
    hostVerifier: (presented: Buffer) => {
      const same = presented.length === blob.length && timingSafeEqual(presented, blob);
      if (!same) {
        problem =
          `handshake failed: ssh: host key mismatch: connection.hostKey has ${fingerprint(blob)}, ` +
          `the server presented ${fingerprint(presented)}`;
      }
      return same;
    },
    hostKeyProblem: () => problem,
  };
}

function parseHostKey(line: string): { type: string; blob: Buffer } {
  for (const entry of line.split("\n")) {
    const match = /(?:^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+([A-Za-z0-9+/]+=*)/.exec(entry);
    if (match?.[1] && match[2] && !entry.startsWith("#")) {
      return { type: match[1], blob: Buffer.from(match[2], "base64") };
    }
  }
  throw new Error(
    "failed to parse host key: ssh: no key found; connection.hostKey wants a line like " +
      "'ssh-ed25519 AAAA…', without the host name that known_hosts puts in front",
  );
}

function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

function requireAgent(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath, () => {
      socket.destroy();
      resolve();
    });
    socket.on("error", (error) => reject(new Error(`dial unix ${socketPath}: ${error.message}`)));
  });
}
