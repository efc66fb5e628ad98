import type { Client, ClientChannel } from "ssh2";

import { LookError } from "../../migration/facts/workerLook.js";

/** How a command on a worker ended. */
interface RemoteResult {
  stdout: string;
  stderr: string;
  /** Undefined where the connection was cut. */
  exitCode: number | undefined;
}

/**
 * Runs a command that reads a script from its standard input.
 *
 * @throws LookError where it cannot be started, or has not ended after so many seconds; the
 *   connection is closed then
 */
export async function runScript(
  client: Client,
  command: string,
  script: string,
  seconds: number,
): Promise<RemoteResult> {
  const channel = await open(client, command);
  const result: RemoteResult = { stdout: "", stderr: "", exitCode: undefined };
  channel.setEncoding("utf8").on("data", (text: string) => (result.stdout += text));
  channel.stderr.setEncoding("utf8").on("data", (text: string) => (result.stderr += text));
  channel.on("exit", (code: number | null) => (result.exitCode = code ?? undefined));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    client.destroy();
  }, seconds * 1000);
  try {
    const closed = new Promise<void>((resolve) => channel.on("close", () => resolve()));
    channel.end(script);
    await closed;
  } finally {
    clearTimeout(timer);
  }
  if (late) throw new LookError("answer", `no answer within ${seconds} s`);
  return result;
}

function open(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) =>
      error ? reject(new LookError("login", error.message, { cause: error })) : resolve(channel),
    );
  });
}
