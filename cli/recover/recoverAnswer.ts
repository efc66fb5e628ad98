import type { Clearing } from "../../automation/recover/recoverStack.js";
import { exitCodes, type ExitCode } from "../command.js";

/** What `kiam-migrate recover --json` prints. */
export interface RecoverAnswer {
  stack: string;
  /**
   * `nothing-to-do`: no update was cut short. `declined`: it was not approved. The others as Clearing
   * has them (automation/recover/recoverStack.ts).
   */
  outcome: "nothing-to-do" | "declined" | Clearing["outcome"];
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
    case "failed":
      return exitCodes.failed;
  }
}
