/**
 * What a test needs from the machine. A test that cannot run here is skipped, and the end of the
 * run says which and why, so that a green run never hides that half of it did not happen.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Context } from "mocha";

import { recordSkip } from "./skips.js";

/** Skips the test or suite that `context` belongs to, and keeps the reason for the end of the run. */
export function skipBecause(context: Context, reason: string): never {
  const runnable = context.test;
  // A hook before a whole suite skips all of it; Mocha titles it '"before all" hook …'.
  const isHook = runnable?.title.startsWith('"before all" hook') ?? false;
  const what = (isHook ? runnable?.parent?.fullTitle() : runnable?.fullTitle()) ?? "a test";
  recordSkip(reason, what);
  return context.skip();
}

/** Root on Linux: network namespaces and nat tables take both. */
export function needsRoot(context: Context): void {
  if (process.platform !== "linux") {
    skipBecause(context, `needs Linux, this is ${process.platform}`);
  }
  if (process.getuid?.() !== 0) skipBecause(context, "needs root (network namespaces, nat tables)");
}

/** Every one of `commands` in the search path (or the places where system tools live). */
export function needsCommands(context: Context, commands: readonly string[]): void {
  const missing = commands.filter((command) => findCommand(command) === undefined);
  if (missing.length > 0) skipBecause(context, `needs ${missing.join(", ")}, not installed here`);
}

/** Where `command` is; undefined where it is not installed. */
export function findCommand(command: string): string | undefined {
  const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return directories
    .map((directory) => join(directory, command))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
