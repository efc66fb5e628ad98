import { execa } from "execa";
import { constants } from "node:fs";
import { access } from "node:fs/promises";

/** A program that only prints its version and takes longer than this hangs. In milliseconds. */
const TIMEOUT_MS = 20_000;

/**
 * Runs a program for its version: proof that it is there and runs on this machine.
 *
 * @param pattern finds the version in what the program prints, on either stream, as group 1.
 * @param expectExit false for programs that print their version beside an error.
 * @throws with what the program did instead.
 */
export async function reportedVersion(
  program: string,
  args: readonly string[],
  pattern: RegExp,
  expectExit: 0 | "any" = 0,
): Promise<string> {
  const command = [program, ...args].join(" ");
  const result = await execa(program, args, {
    reject: false,
    all: true,
    stdin: "ignore",
    timeout: TIMEOUT_MS,
    env: { PULUMI_SKIP_UPDATE_CHECK: "true" },
  });
  const output = result.all?.trim() ?? "";
  const version = pattern.exec(output)?.[1];
  if (version !== undefined && (expectExit === "any" || result.exitCode === 0)) return version;
  const happened = result.timedOut
    ? `did not end within ${TIMEOUT_MS / 1000} s`
    : result.exitCode === undefined
      ? (result.originalMessage ?? "could not be run")
      : result.exitCode !== 0
        ? `ended with exit status ${result.exitCode}`
        : "printed no version";
  throw new Error(`${command}: ${happened}${output ? `\n${output.slice(0, 1000)}` : ""}`);
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
