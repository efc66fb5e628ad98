import { type ChannelCredentials, type ServiceError, credentials } from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb";
import type { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { execa } from "execa";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { promisify } from "node:util";

import { messageOf } from "../../migration/text/text.js";

/** A plugin that has not answered by then hangs. In milliseconds. */
const TIMEOUT_MS = 120_000;

/** Any kind of plugin can be asked what it is. */
interface PluginClient {
  getPluginInfo(
    request: Empty,
    callback: (error: ServiceError | null, response: PluginInfo) => void,
  ): unknown;
  close(): void;
}
type PluginKind = new (address: string, credentials: ChannelCredentials) => PluginClient;

/**
 * Starts a plugin as the engine does and asks it for its version: proof that it runs here and speaks
 * the engine's protocol.
 *
 * @param executable path of pulumi-resource-<name> or pulumi-language-<name>
 * @param kind which of the engine's protocols it speaks
 * @throws with what it did instead
 */
export async function pluginVersion(
  executable: string,
  kind: PluginKind = ResourceProviderClient,
): Promise<string> {
  // The argument is the engine's address, to which plugins send log messages; there is none.
  const plugin = execa(executable, ["127.0.0.1:1"], {
    stdin: "ignore",
    timeout: TIMEOUT_MS,
    killSignal: "SIGTERM",
    forceKillAfterDelay: 2_000,
    reject: false,
  });
  try {
    const address = `127.0.0.1:${await printedPort(plugin.stdout)}`;
    return await askVersion(new kind(address, credentials.createInsecure()));
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

async function askVersion(client: PluginClient): Promise<string> {
  try {
    const info = await promisify<Empty, PluginInfo>((request, answer) => {
      client.getPluginInfo(request, (error, response) => answer(error, response));
    })(new Empty());
    return info.getVersion().replace(/^v/, "");
  } finally {
    client.close();
  }
}
