import type { LookFailure } from "../../migration/facts/workerLook.js";

/** Why a worker could not be looked at. */
export class LookError extends Error {
  constructor(
    readonly failed: LookFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "LookError";
  }
}
