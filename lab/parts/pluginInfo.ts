import { credentials } from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { execa } from "execa";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { promisify } from "node:util";

import { messageOf } from "../../migration/text/text.js";

/** A plugin that has not answered by then hangs. In milliseconds. */
const TIMEOUT_MS = 30_000;

/**
 * Starts a provider plugin as the engine does and asks it for its version: proof that it runs here
 * and speaks the engine's protocol.
 *
 * @param executable path of pulumi-resource-<name>
 * @throws with what it did instead
 */
export async function pluginVersion(executable: string): Promise<string> {
  // The argument is the engine's address, to which plugins send log messages; there is none.
  const plugin = execa(executable, ["127.0.0.1:1"], {
    stdin: "ignore",
    timeout: TIMEOUT_MS,
    killSignal: "SIGTERM",
    forceKillAfterDelay: 2_000,
    reject: false,
  });
  try {
    return await askVersion(await printedPort(plugin.stdout));
  } catch (cause) {
    plugin.kill();
    const { stderr } = await plugin;
    throw new Error(
      `${executable} did not say which version it is: ${messageOf(cause)}` +
        (stderr ? `\n${stderr.slice(-1000)}` : ""),
      { cause },
    );
  } finally {
    plugin.kill();
    await plugin;
  }
}

/** The first line that a plugin prints is the port it listens on. */
async function printedPort(output: Readable): Promise<string> {
  for await (const line of createInterface({ input: output })) {
    if (/^\d+$/.test(line.trim())) return line.trim();
    throw new Error(`its first line is not a port: ${line}`);
  }
  throw new Error("it ended without printing a port");
}

async function askVersion(port: string): Promise<string> {
  const client = new ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    const info = await promisify<Empty, { getVersion(): string }>((request, answer) => {
      client.getPluginInfo(request, (error, response) => answer(error, response));
    })(new Empty());
    return info.getVersion().replace(/^v/, "");
  } finally {
    client.close();
  }
}
