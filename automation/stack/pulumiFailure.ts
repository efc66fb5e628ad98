import { existsSync } from "node:fs";
import { join } from "node:path";

import { ContactError } from "../../migration/contact/contact.js";
import { exits, pulumiContact, type PulumiFailure } from "../../migration/contact/pulumi.js";
import { messageOf } from "../../migration/text/text.js";
import { findPulumi, isLauncher } from "./installedPulumi.js";

/** What the Automation API keeps of a command line that failed, and its types do not show. */
interface FailedCommand {
  stderr?: unknown;
  /** Of execa, which ran it. */
  err?: { code?: unknown; exitCode?: unknown; stderr?: unknown };
}

/**
 * Reads a stack by the pulumi command. Where that command fails, the error says why, with cause and
 * cure; what else fails is thrown as it is.
 *
 * @throws ContactError
 */
export async function withPulumi<T>(
  stack: string,
  directory: string,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const command = failedCommand(error);
    // Without a project the SDK may fail before any command.
    if (command === undefined && hasProject(directory)) throw error;
    const noStack = error instanceof Error && error.name === "StackNotFoundError";
    const backend = process.env.PULUMI_BACKEND_URL;
    const failure = pulumiFailure(
      command ?? { err: { stderr: messageOf(error) } },
      directory,
      noStack,
    );
    const contact = pulumiContact({ stack, directory, backend }, failure);
    throw new ContactError(contact, { cause: error });
  }
}

/**
 * @param noStack what the SDK made of it: an older command line has one exit status for everything
 */
function pulumiFailure(
  { stderr, err }: FailedCommand,
  directory: string,
  noStack: boolean,
): PulumiFailure {
  const said = textOf(err?.stderr) ?? textOf(stderr) ?? messageOf(err);
  const exitCode = typeof err?.exitCode === "number" ? err.exitCode : undefined;
  const command = findPulumi();
  return {
    is: !existsSync(directory)
      ? "directory-missing"
      : command === undefined || err?.code === "ENOENT"
        ? "command-missing"
        : !hasProject(directory)
          ? "project-missing"
          : "failed",
    exitCode: noStack ? exits.noStack : exitCode,
    said: said.trim(),
    launcher: command !== undefined && isLauncher(command),
  };
}

function failedCommand(error: unknown): FailedCommand | undefined {
  if (typeof error !== "object" || error === null || !("commandResult" in error)) return undefined;
  return error.commandResult as FailedCommand;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}

function hasProject(directory: string): boolean {
  return ["Pulumi.yaml", "Pulumi.yml"].some((name) => existsSync(join(directory, name)));
}
