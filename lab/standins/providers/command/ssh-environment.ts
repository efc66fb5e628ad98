/** Which environment variables an SSH server refuses. */
import type { Client } from "ssh2";

interface Internals {
  _protocol: { env(channel: number, name: string, value: string, wantReply: boolean): void };
  _chanMgr: { _channels: Record<number, unknown> };
}
interface Channel {
  outgoing?: { id: number };
  _callbacks: ((refused: unknown) => void)[];
}

/**
 * Names of the variables that the server refuses, filled in by the time a command that is started on
 * this client from now on is reported as started.
 *
 * ssh2 sends variables without asking for an answer, and it has no public way to ask. The official
 * provider asks, so that a refused variable fails the operation or is warned about; hence this reach
 * into ssh2 1.17, which the lock file pins.
 */
export function watchEnvironment(client: Client): string[] {
  const refused: string[] = [];
  const { _protocol: protocol, _chanMgr: channels } = client as unknown as Internals;
  const prototype = Object.getPrototypeOf(protocol) as Internals["_protocol"];
  protocol.env = (id, name, value) => {
    const channel = (Object.values(channels._channels) as Channel[]).find(
      (candidate) => candidate.outgoing?.id === id,
    );
    channel?._callbacks.push((failed) => {
      if (failed) {
        refused.push(name);
      }
    });
    prototype.env.call(protocol, id, name, value, channel !== undefined);
  };
  return refused;
}
