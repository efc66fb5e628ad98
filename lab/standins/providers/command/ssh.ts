/** SSH connections: retries, pinned host keys, and the way through a bastion. */
import { setTimeout as sleep } from "node:timers/promises";

import type { Client } from "ssh2";

import { dial as dialOnce, forward } from "../../../../cluster/ssh/dial.js";
import type { Log } from "../plugin/provider.js";
import { isMap, type PropertyMap } from "../plugin/values.js";
import { clientConfig, type ClientConfig } from "./ssh-config.js";

export interface Connection {
  client: Client;
  /** Ends the connection, and the one to the bastion. */
  close(): void;
}

const UNLIMITED = -1;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;

/**
 * Connects as a remote command's `connection` says. Every failure to connect is tried again until
 * `dialErrorLimit` is passed (-1: for ever), also a refused key or a wrong host key, as the official
 * provider does.
 */
export async function connect(
  connection: PropertyMap,
  signal: AbortSignal,
  log: Log,
): Promise<Connection> {
  const config = await clientConfig(connection);
  const limit = Number(connection.dialErrorLimit);
  const { proxy } = connection;
  if (!isMap(proxy)) {
    const client = await retry("Dial", limit, signal, log, () => dial(config));
    return { client, close: () => client.end() };
  }
  try {
    const proxyConfig = await clientConfig(proxy);
    const proxyLimit = Number(proxy.dialErrorLimit);
    const bastion = await retry("Dial proxy", proxyLimit, signal, log, () => dial(proxyConfig));
    try {
      const client = await retry("Dial from proxy", limit, signal, log, async () =>
        dial({
          ...config,
          sock: await forward(bastion, config.host ?? "", config.port ?? 22),
        }),
      );
      return {
        client,
        close: () => {
          client.end();
          bastion.end();
        },
      };
    } catch (error) {
      bastion.end();
      throw error;
    }
  } catch (error) {
    throw new Error(`proxy: ${(error as Error).message}`, { cause: error });
  }
}

async function retry<T>(
  what: string,
  limit: number,
  signal: AbortSignal,
  log: Log,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      const dials = tries + 1;
      if (limit > UNLIMITED && dials > limit) {
        const { message } = error as Error;
        throw new Error(`after ${tries} failed attempts: ${message}`, { cause: error });
      }
      const shown = limit === UNLIMITED ? "inf" : limit;
      await log.status("info", `${what} ${dials}/${shown} failed: retrying`);
      await sleep(Math.min(FIRST_DELAY_MS * 1.5 ** tries, MAX_DELAY_MS), undefined, { signal });
    }
  }
}

async function dial(config: ClientConfig): Promise<Client> {
  try {
    return await dialOnce(config);
  } catch (error) {
    throw new Error(`ssh: ${config.hostKeyProblem?.() ?? (error as Error).message}`, {
      cause: error,
    });
  }
}
