import type { ChannelOptions } from "@grpc/grpc-js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";

/**
 * What the SDK connects to an engine with: a program that runs in this process to the engine that
 * runs it. The SDK's types leave it out (runtime/settings.ts in @pulumi/pulumi).
 */
export const { grpcClientOptions: engineConnectionOptions } = settings as unknown as {
  grpcClientOptions: ChannelOptions;
};

/**
 * Has every program connect to its engine anew, for the rest of this process.
 *
 * By default gRPC shares connections by address. A program whose engine was killed leaves one that
 * is refused again and again. Where a later engine is given that port, its program is told at once
 * that the engine is unavailable; the SDK drops just that failure (LanguageServer.run in
 * automation/server.ts), and the engine takes the stack's root for all there is: it deletes
 * everything else and reports success. Seen twice in runs of the tests, which kill engines.
 */
export function connectToEveryEngineAnew(): void {
  // https://grpc.github.io/grpc/core/group__grpc__arg__keys.html: GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL
  engineConnectionOptions["grpc.use_local_subchannel_pool"] = 1;
}
