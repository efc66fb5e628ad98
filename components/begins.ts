import * as pulumi from "@pulumi/pulumi";
import * as dependsOn from "@pulumi/pulumi/runtime/dependsOn.js";

import { StopAskedError } from "../migration/move/orderlyStop.js";

/** What drives the program from this process. It is asked before anything begins. */
export interface Begins {
  /** Resolves once another part may begin. @throws StopAskedError where none may any more */
  part(): Promise<void>;
  /** Resolves once another worker's move may begin; throws as `part` does. */
  worker(): Promise<void>;
  /** A worker's move has come to its end. */
  workerEnded(): void;
}

/** How the SDK waits for what a resource depends on; its types leave it out (runtime/dependsOn.ts). */
const { getAllTransitivelyReferencedResourceURNs: urnsOnceDone } = dependsOn as unknown as {
  getAllTransitivelyReferencedResourceURNs: (
    resources: ReadonlySet<pulumi.Resource>,
    exclude: ReadonlySet<pulumi.Resource>,
  ) => Promise<ReadonlySet<string>>;
};

/** Resolves once all of these are done, with what is declared below them. */
export async function allDone(resources: readonly pulumi.Resource[]): Promise<void> {
  await urnsOnceDone(new Set(resources), new Set());
}

/**
 * The resources to depend on, for something that asks before it begins. It asks when all else is ready,
 * and before the engine knows of it: there it would take the place of what is to end first.
 */
export async function askFirst(
  resources: readonly pulumi.Resource[],
  mayBegin: () => Promise<void>,
): Promise<pulumi.Resource[]> {
  await allDone(resources);
  try {
    await mayBegin();
  } catch (error) {
    // Pulumi prints a RunError without a stack trace.
    throw error instanceof StopAskedError ? new pulumi.RunError(error.message) : error;
  }
  return [...resources];
}
