import { execa } from "execa";

import { enter } from "./cluster/namespaces.js";
import { OPERATOR } from "./cluster/topology.js";
import { CHECKOUT, TYPESCRIPT } from "./paths.js";

/** What the other process sends back. */
export type Outcome = { result: unknown } | { error: string };

export interface OperatorCall<Result> {
  result: Promise<Result>;
  /** Asks it to stop, as Ctrl-C does. */
  interrupt(): void;
}

/**
 * Calls a function in a process of its own that lives in the operator's network namespace:
 * from there, and only from there, API, AWS and workers can be reached.
 *
 * @param module absolute path of the module that exports the function
 * @param name of the exported function; it may return a promise
 * @param args have to survive JSON, and so has the result
 * @throws what the function threw, by its message
 */
export function inOperatorNetwork<Result>(
  module: string,
  name: string,
  args: readonly unknown[],
): OperatorCall<Result> {
  const [file = "", ...rest] = [
    ...enter(OPERATOR),
    process.execPath,
    ...TYPESCRIPT,
    require.resolve("./callExport.ts"),
    module,
    name,
    JSON.stringify(args),
  ];
  const child = execa(file, rest, {
    cwd: CHECKOUT,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    ipc: true,
    serialization: "json",
    reject: false,
  });
  const finish = async (): Promise<Result> => {
    let outcome: Outcome | undefined;
    for await (const message of child.getEachMessage()) outcome = message as unknown as Outcome;
    const { exitCode, signal } = await child;
    if (outcome === undefined) {
      throw new Error(`${name} ended without a result (${signal ?? `status ${exitCode}`})`);
    }
    if ("error" in outcome) throw new Error(outcome.error);
    return outcome.result as Result;
  };
  return { result: finish(), interrupt: () => child.kill("SIGINT") };
}
