import { messageOf } from "../../migration/text/text.js";

/** A stack's settings or state could not be read by pulumi: there is no such stack, for one. */
export class StackUnreadableError extends Error {
  constructor(
    what: "settings" | "state",
    readonly stackName: string,
    /** Directory of Pulumi.yaml. */
    readonly directory: string,
    cause: unknown,
  ) {
    const said = engineWords(cause);
    super(`The ${what} of stack ${stackName} could not be read by pulumi in ${directory}: ${said}`, {
      cause,
    });
    this.name = "StackUnreadableError";
    this.said = said;
  }

  /** What the engine said. */
  readonly said: string;
}

/** An error in the engine's own words, without what the SDK puts around them. */
function engineWords(error: unknown): string {
  const message = messageOf(error);
  return /stderr: ([^]*?)(\n err\?:|$)/.exec(message)?.[1]?.trim() ?? message;
}

/** @throws StackUnreadableError where the work fails */
export async function readable<T>(
  what: "settings" | "state",
  { stack, cwd }: { stack: string; cwd: string },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new StackUnreadableError(what, stack, cwd, error);
  }
}
