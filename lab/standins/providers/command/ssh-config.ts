/** A remote command's `connection` in the terms of the SSH library. */
import { createConnection } from "node:net";

import { utils, type AuthenticationType, type ConnectConfig } from "ssh2";

import { fingerprint, isSameKey, parseHostKey } from "../../../../cluster/ssh/hostKey.js";
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
  const pinned = parseHostKey(line);
  if (pinned === undefined) {
    throw new Error(
      "failed to parse host key: ssh: no key found; connection.hostKey wants a line like " +
        "'ssh-ed25519 AAAA…', without the host name that known_hosts puts in front",
    );
  }
  let problem: string | undefined;
  return {
    algorithms: { serverHostKey: [pinned.type as "ssh-ed25519"] },
    hostVerifier: (presented: Buffer) => {
      const same = isSameKey(pinned, presented);
      if (!same) {
        problem =
          `handshake failed: ssh: host key mismatch: connection.hostKey has ${fingerprint(pinned.blob)}, ` +
          `the server presented ${fingerprint(presented)}`;
      }
      return same;
    },
    hostKeyProblem: () => problem,
  };
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
