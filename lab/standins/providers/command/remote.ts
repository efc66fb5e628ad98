/** Commands on another machine, over SSH. */
import type { Client, ClientChannel } from "ssh2";

import { connect } from "./ssh.js";
import { Capture, environment, previousOutput, type Execution, type Output } from "./execution.js";
import { connectionOf } from "./connection-inputs.js";
import { text } from "../plugin/values.js";
import { watchEnvironment } from "./ssh-environment.js";

const ACCEPT_ENV =
  "This only works if your SSH server is configured to accept these variables via AcceptEnv. " +
  "Alternatively, if a Bash-like shell runs the command on the remote host, you could prefix the " +
  "command itself with the variables in the form 'VAR=value command'";

/** Runs the command by the login shell of the remote user. */
export async function runRemotely(execution: Execution): Promise<Output> {
  const { command, inputs, log } = execution;
  const connection = await connect(connectionOf(inputs), execution.signal, log);
  try {
    const { client } = connection;
    const wanted = environment(inputs);
    if (Object.keys(wanted).length > 0) {
      await requireEnvironment(client, wanted, execution);
    }
    const previous = previousOutput(execution);
    const refused = watchEnvironment(client);
    const channel = await open(client, command, { ...wanted, ...previous });
    for (const name of refused.filter((key) => key in previous)) {
      await log.message("warning", `Unable to set '${name}'. ${ACCEPT_ENV}`);
    }
    return await finish(channel, execution);
  } finally {
    connection.close();
  }
}

/** The official provider does not run a command whose variables the server refuses. */
async function requireEnvironment(
  client: Client,
  wanted: Record<string, string>,
  { log }: Execution,
): Promise<void> {
  const refused = watchEnvironment(client);
  const channel = await open(client, ":", wanted);
  channel.resume();
  channel.stderr.resume();
  await new Promise<void>((resolve) => channel.on("close", () => resolve()));
  if (refused[0] !== undefined) {
    await log.message("error", `Unable to set '${refused[0]}'. ${ACCEPT_ENV}`);
    throw new Error(
      `could not set environment variable ${JSON.stringify(refused[0])}: ssh: setenv failed`,
    );
  }
}

function open(client: Client, command: string, env: Record<string, string>) {
  return new Promise<ClientChannel>((resolve, reject) => {
    client.exec(command, { env }, (error, channel) => {
      if (error) {
        reject(error);
      } else {
        resolve(channel);
      }
    });
  });
}

async function finish(channel: ClientChannel, execution: Execution): Promise<Output> {
  const capture = new Capture(execution);
  channel.on("data", (chunk: Buffer) => capture.add("stdout", chunk));
  channel.stderr.on("data", (chunk: Buffer) => capture.add("stderr", chunk));
  let failure: string | undefined =
    "wait: remote command exited without exit status or exit signal";
  channel.on("exit", (code: number | null, signal?: string) => {
    failure = exitReason(code, signal);
  });
  const closed = new Promise<void>((resolve) => channel.on("close", () => resolve()));
  channel.end(text(execution.inputs, "stdin") ?? "");
  await closed;
  await capture.end();
  if (failure !== undefined) {
    throw capture.failure(failure);
  }
  return capture.output();
}

function exitReason(code: number | null, signal: string | undefined): string | undefined {
  if (code === 0) {
    return undefined;
  }
  return signal ? `Process exited with signal ${signal}` : `Process exited with status ${code}`;
}
