import type { RecoverAnswer } from "../../automation/recover/recoverKnowingly.js";
import { exitCodes, type ExitCode } from "../command.js";

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
