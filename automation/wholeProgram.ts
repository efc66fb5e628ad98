import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";

/**
 * Has the engine run the stack's program, and believes it only where the program came to its end.
 * A program that runs in this process reports its failure to the engine over gRPC, and the SDK
 * drops failures that look like a closed connection (LanguageServer.run in
 * @pulumi/pulumi/automation/server.ts): the engine then takes what was declared until then for all
 * there is, and reports success. Seen once, in a run of the tests on a busy machine.
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
  const unfinished = new Error(
    "The engine reports success, but the program did not run to its end. Run this again.",
  );
  let failure: Error | undefined = unfinished;
  const result = await engine(async () => {
    failure = unfinished;
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
