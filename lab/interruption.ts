/* What every program that boots a lab does before and when it is stopped. */
import type { OperatorCall } from "./inOperatorNetwork.js";

/** @param command as a person types it, for the message */
export function refuseWhereImpossible(command: string): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error(
      "The embedded cluster needs Linux and root: it makes network namespaces, nat rules and containers. " +
        `Run: sudo ${command}`,
    );
  }
}

/** Ctrl-C and its like: the first has everything stop, so that the lab can be taken down; later ones do nothing. */
export class Interruption {
  private readonly controller = new AbortController();
  private call: Pick<OperatorCall<unknown>, "interrupt"> | undefined;

  constructor() {
    // On a terminal the child gets Ctrl-C as well; otherwise this is how it hears of it.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        if (this.happened) return;
        this.controller.abort();
        console.error(`\n${signal}: stopping, then cleaning up.`);
        this.call?.interrupt();
      });
    }
  }

  get happened(): boolean {
    return this.controller.signal.aborted;
  }

  /** For what can be given up. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** From now on the call is interrupted as well. @returns its result */
  passTo<Result>(call: OperatorCall<Result>): Promise<Result> {
    this.call = call;
    return call.result;
  }
}
