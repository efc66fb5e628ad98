/**
 * Serves a provider to the engine: the gRPC service `pulumirpc.ResourceProvider`.
 *
 * The SDK's own `@pulumi/pulumi/provider` server is not enough here. It has no `configure` hook, does
 * not pass on preview, timeouts, random seed or old inputs, has no detailed differences and no
 * cancellation that reaches an operation, and cannot log to a resource.
 */
import * as providerrpc from "@pulumi/pulumi/proto/provider_grpc_pb.js";

import { engineAddress, listen } from "../../launch/listen.js";
import { EngineLog } from "./engine-log.js";
import { handlers } from "./handlers.js";
import type { Provider } from "./provider.js";

export async function serve(provider: Provider): Promise<void> {
  const cancelled = new AbortController();
  const log = new EngineLog(engineAddress());
  await listen(providerrpc.ResourceProviderService, handlers(provider, log, cancelled), cancelled);
}
