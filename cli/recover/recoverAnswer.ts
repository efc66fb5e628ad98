import { exitCodes, type ExitCode } from "../command.js";

/** What `kiam-migrate recover --json` prints. */
export interface RecoverAnswer {
  stack: string;
  /**
   * `nothing-to-do`: no update was cut short. `recovered`: what it left is cleared. `refused`: a worker
   * is in no known state, or a gate still runs. `locked`: another update runs, or may.
   */
  outcome: "nothing-to-do" | "recovered" | "declined" | "refused" | "locked";
  said: string;
  /** What was under way, an entry for each operation and lock. */
  left: string[];
  /** Workers that may have been half-way, by name. */
  workers: string[];
  /** Commands to type next, the most sensible first. */
  next: string[];
}

/** The answer for people. */
export function recoverAsText({ said, next }: RecoverAnswer): string {
  const commands = next.map((command) => `  ${command}`);
  return [said, ...(next.length === 0 ? [] : ["Next:", ...commands])].join("\n");
}

export function recoverExitCode({ outcome }: Pick<RecoverAnswer, "outcome">): ExitCode {
  switch (outcome) {
    case "nothing-to-do":
    case "recovered":
      return exitCodes.ok;
    case "declined":
      return exitCodes.findings;
    case "refused":
    case "locked":
      return exitCodes.failed;
  }
}
