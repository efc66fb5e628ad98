import type { Duplex } from "node:stream";

import type { Client } from "ssh2";

import type { Settings } from "../../migration/settings/schema.js";
import { forward } from "./dial.js";
import { logIn } from "./logIn.js";
import { LookError } from "../../migration/facts/workerLook.js";

/** One connection to a jump host, made when it is first needed and again when it was lost. */
export class Bastion {
  private connection: Promise<Client> | undefined;

  constructor(
    private readonly ssh: Settings["ssh"],
    private readonly bastion: NonNullable<Settings["ssh"]["bastion"]>,
  ) {}

  /** @throws LookError whose failure is `connect`, whatever kept us off the bastion */
  async forward(host: string, port: number): Promise<Duplex> {
    this.connection ??= this.connect();
    try {
      return await forward(await this.connection, host, port);
    } catch (error) {
      throw new LookError("connect", `bastion ${this.bastion.host}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    (await this.connection?.catch(() => undefined))?.end();
  }

  private async connect(): Promise<Client> {
    const { bastion, ssh } = this;
    const login = {
      host: bastion.host,
      port: bastion.port,
      user: bastion.user ?? ssh.user,
      privateKey: bastion.privateKey ?? ssh.privateKey,
      privateKeyPassword: bastion.privateKey === undefined ? ssh.privateKeyPassword : undefined,
      agentSocketPath: ssh.agentSocketPath,
      hostKey: bastion.hostKey,
    };
    const client = await logIn(login, ssh);
    client.on("close", () => (this.connection = undefined));
    return client;
  }
}
