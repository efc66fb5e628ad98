import path from "node:path";

import type { CommandError, PulumiCommand } from "@pulumi/pulumi/automation";
import * as cmd from "@pulumi/pulumi/automation/cmd.js";
import * as errors from "@pulumi/pulumi/automation/errors.js";
import { execa, ExecaError } from "execa";

import type { CommandResult, RunsPulumi } from "../stack/runPulumi.js";

/** Left out of the SDK's types. */
const { CommandResult: Result } = cmd as unknown as {
  CommandResult: new (stdout: string, stderr: string, code: number) => CommandResult;
};
const { createCommandError } = errors as unknown as {
  createCommandError: (result: CommandResult) => CommandError;
};

/**
 * The same command line, in a session of its own: a terminal's Ctrl-C, and its hang-up, reach this
 * process alone, which decides what becomes of them. Everything else is as the SDK runs it.
 */
export function inOwnSession(pulumi: PulumiCommand): PulumiCommand {
  const run: RunsPulumi["run"] = async (args, cwd, more, onOutput, onError, signal) => {
    const env = { ...more, PULUMI_AUTOMATION_API: "true" };
    // The plugins that come with this engine, before those of another.
    const own = path.isAbsolute(pulumi.command) ? [path.dirname(pulumi.command)] : [];
    const PATH = [...own, more.PATH ?? process.env.PATH ?? ""].join(path.delimiter);
    const words = args.includes("--non-interactive") ? args : [...args, "--non-interactive"];
    const engine = execa(pulumi.command, words, {
      cwd,
      env: { ...env, PATH },
      maxBuffer: Infinity,
      detached: true,
    });
    engine.stdout.on("data", (data: Buffer) => onOutput?.(data.toString()));
    engine.stderr.on("data", (data: Buffer) => onError?.(data.toString()));
    const interrupt = () => void engine.kill("SIGINT");
    signal?.addEventListener("abort", interrupt, { once: true });
    try {
      const { stdout, stderr } = await engine;
      return new Result(stdout, stderr, 0);
    } catch (error) {
      const code = error instanceof ExecaError ? (error.exitCode ?? -2) : -2;
      throw createCommandError(new Result("", (error as Error).message, code));
    } finally {
      signal?.removeEventListener("abort", interrupt);
    }
  };
  return Object.create(pulumi, { run: { value: run } }) as PulumiCommand;
}
