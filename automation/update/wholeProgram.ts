import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";

import { connectToEveryEngineAnew } from "./engineConnections.js";

/**
 * Has the engine run the stack's program, and believes it only where the program came to its end.
 * A program that runs in this process reports its failure to the engine over gRPC, and the SDK
 * drops failures that look like a closed connection (LanguageServer.run in
 * @pulumi/pulumi/automation/server.ts): the engine then takes what was declared until then for all
 * there is, and reports success.
 *
 * @param engine is given the program to run; undefined where the engine runs it in a process of its own
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
