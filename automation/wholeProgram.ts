import type { AsyncLocalStorage } from "node:async_hooks";

import type { PulumiFn, Stack } from "@pulumi/pulumi/automation";
import pRetry from "p-retry";

/** How often an update is begun again whose program was not run, or not for this engine. */
const RETRIES = 2;

/** The engine did not run the program, or the SDK lost for which engine it ran. */
class ProgramNotRunError extends Error {}

/**
 * Has the engine run the stack's program, and believes it only where the program came to its end.
 * Twice, in runs of the tests on a busy machine, the engine took the root for all there is, as if
 * the program had declared nothing, and reported success: it deletes everything then. By reading,
 * two ways lead there. The SDK drops failures that look like a closed connection (LanguageServer.run
 * in @pulumi/pulumi/automation/server.ts). And a program that runs in this process finds its engine
 * through the asynchronous context; without one, what it declares goes to whatever engine is set for
 * the whole process. The latter is found before anything is declared, and fails the update.
 *
 * Where the program did not begin it is run again, at most twice. It had declared nothing, so there
 * is nothing to do twice; what an engine that reported success has deleted is made anew.
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
  return pRetry(() => whole(program, engine), {
    retries: RETRIES,
    minTimeout: 0,
    shouldRetry: ({ error }) => error instanceof ProgramNotRunError,
  });
}

async function whole<T>(program: PulumiFn, engine: (program: PulumiFn) => Promise<T>): Promise<T> {
  const notRun = new ProgramNotRunError(
    "The engine reports success, but it did not run the program. Run this again.",
  );
  const unfinished = new Error(
    "The engine reports success, but the program did not run to its end. Run this again.",
  );
  let failure: Error | undefined = notRun;
  const result = await engine(async () => {
    failure = unfinished;
    try {
      requireEngineOfItsOwn();
      const outputs = await program();
      failure = undefined;
      return outputs;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }).catch((error: unknown) => {
    // The engine's words hide that the program was refused; any other failure is the engine's to tell.
    throw failure instanceof ProgramNotRunError && failure !== notRun ? failure : error;
  });
  if (failure !== undefined) throw failure;
  return result;
}

/**
 * Where the SDK keeps what belongs to one run of a program; see runtime/state.ts in @pulumi/pulumi.
 *
 * @throws ProgramNotRunError
 */
function requireEngineOfItsOwn(): void {
  const { asyncLocalStorage } = globalThis as { asyncLocalStorage?: AsyncLocalStorage<unknown> };
  if (asyncLocalStorage?.getStore() !== undefined) return;
  throw new ProgramNotRunError(
    "The program was run without the context that leads to its engine: nothing was declared.",
  );
}
