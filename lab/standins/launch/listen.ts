/** Serves a gRPC service to the engine that started this process, as plugins of Pulumi do. */
import * as grpc from "@grpc/grpc-js";

const MAX_MESSAGE = 400 * 1024 * 1024;
/** How often to look whether the engine is still there, in milliseconds. */
const ENGINE_LOOK_MS = 200;

/** host:port of the engine, its last argument to a plugin; undefined where there is none. */
export function engineAddress(): string | undefined {
  const last = process.argv.slice(2).at(-1);
  return last?.startsWith("-") ? undefined : last;
}

/**
 * Listens and prints the port, which is how the engine finds the plugin.
 *
 * Once the engine is gone, by a kill for example, `cancelled` is aborted and the plugin ends. The
 * official plugins do the first at once, because the connection is lost, and the second within five
 * minutes.
 */
export async function listen(
  service: grpc.ServiceDefinition,
  handlers: grpc.UntypedServiceImplementation,
  cancelled: AbortController,
): Promise<void> {
  const server = new grpc.Server({
    "grpc.max_receive_message_length": MAX_MESSAGE,
    "grpc.max_send_message_length": MAX_MESSAGE,
  });
  server.addService(service, handlers);
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
