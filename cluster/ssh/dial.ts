import type { Duplex } from "node:stream";

import { Client, type ConnectConfig } from "ssh2";

/** Connects and logs in. Rejects with ssh2's error, whose `level` says how far it came. */
export function dial(config: ConnectConfig): Promise<Client> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.on("ready", () => {
      // From here on a lost connection shows as a command that ended without an exit status.
      client.removeAllListeners("error").on("error", () => undefined);
      resolve(client);
    });
    client.on("error", (error) => {
      client.destroy();
      reject(error);
    });
    client.on("close", () => reject(new Error("connection closed by the remote host")));
    client.on("keyboard-interactive", (_name, _instructions, _language, prompts, answer) =>
      answer(prompts.map(() => config.password ?? "")),
    );
    client.connect(config);
  });
}

/** A connection from a bastion to a host behind it. */
export function forward(bastion: Client, host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    bastion.forwardOut("127.0.0.1", 0, host, port, (error, stream) =>
      error ? reject(error) : resolve(stream),
    );
  });
}
