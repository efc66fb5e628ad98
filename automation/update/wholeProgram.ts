import type { ChannelOptions } from "@grpc/grpc-js";
import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";
import * as settings from "@pulumi/pulumi/runtime/settings.js";

/**
 * The options with which the SDK connects a program of this process to the engine that runs it.
 * The SDK's types leave them out (runtime/settings.ts in @pulumi/pulumi).
 */
export const { grpcClientOptions: engineConnectionOptions } = settings as unknown as {
  grpcClientOptions: ChannelOptions;
};

/**
 * Has the engine run the stack's program, and believes it only where the program came to its end.
 * A program that runs in this process reports its failure to the engine over gRPC, and the SDK
 * drops failures that look like a closed connection (LanguageServer.run in
 * @pulumi/pulumi/automation/server.ts): the engine then takes what was declared until then for all
 * there is, and reports success.
 *
 * @param engine is given the program to run; undefined where the engine starts it as a process
 * @throws what the program threw, where the engine did not hear of it
 */
export async function withWholeProgram<T>(
  { workspace }: Pick<Stack, "workspace">,
  engine: (program: PulumiFn | undefined) => Promise<T>,
): Promise<T> {
  const { program } = workspace;
  if (program === undefined) return engine(undefined);
  connectToEveryEngineAnew();
  let failure: Error | undefined = new Error(
    "The engine reports success, but it did not run the program. Run this again.",
  );
  const result = await engine(async () => {
    failure = new Error(
      "The engine reports success, but the program did not run to its end. Run this again.",
    );
    try {
      const outputs = await program();
      failure = undefined;
      return outputs;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  });
  if (failure !== undefined) throw failure;
  return result;
}

/**
 * Has every program connect to its engine anew, for the rest of this process.
 *
 * By default gRPC shares connections by address. A program whose engine was killed leaves one that
 * is refused again and again. Where a later engine is given that port, its program is told at once
 * that the engine is unavailable; the SDK drops just that failure, and the engine takes the stack's
 * root for all there is: it deletes everything else and reports success. Seen twice in runs of the
 * tests, which kill engines.
 */
function connectToEveryEngineAnew(): void {
  // https://grpc.github.io/grpc/core/group__grpc__arg__keys.html: GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL
  engineConnectionOptions["grpc.use_local_subchannel_pool"] = 1;
}
