/**
 * Serves a provider to the engine: the gRPC service `pulumirpc.ResourceProvider`.
 *
 * The SDK's own `@pulumi/pulumi/provider` server is not enough here. It has no `configure` hook, does
 * not pass on preview, timeouts, random seed or old inputs, has no detailed differences and no
 * cancellation that reaches an operation, and cannot log to a resource.
 */
import * as grpc from "@grpc/grpc-js";
import * as providerrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";

import { EngineLog } from "./engine-log.js";
import { handlers } from "./handlers.js";
import type { Provider } from "./provider.js";

const MAX_MESSAGE = 400 * 1024 * 1024;
/** How often to look whether the engine is still there, in milliseconds. */
const ENGINE_LOOK_MS = 200;

/**
 * Starts the plugin and prints its port, which is how the engine finds it.
 *
 * Once the engine is gone, killed say, what is under way is cancelled and the plugin ends. The
 * official plugins do the first at once, because the connection is lost, and the second within
 * five minutes.
 */
export async function serve(provider: Provider): Promise<void> {
  const engineAddress = process.argv.slice(2).find((argument) => !argument.startsWith("-"));
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.max_send_message_length": MAX_MESSAGE,
  });
  const cancelled = new AbortController();
  server.addService(
    providerrpc.ResourceProviderService,
    handlers(provider, new EngineLog(engineAddress), cancelled),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  process.stdout.write(`${port}\n`);
  const engine = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === engine) return;
    clearInterval(look);
    cancelled.abort();
    // What can't be cancelled, such as a command over SSH, keeps the process until it is over.
    server.forceShutdown();
  }, ENGINE_LOOK_MS);
}
