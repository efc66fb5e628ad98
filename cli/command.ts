import { Option, type Command } from "commander";

import type { Progress } from "../automation/progress.js";
import { stages } from "../migration/stages.js";

/** Where a command says things: its answer, and what it is at. */
export interface Terminal {
  /** Standard output: nothing but the answer, so that it can be piped. */
  answer(text: string): void;
  /** Standard error. */
  progress: Progress;
  /**
   * Asks the person at the terminal; an empty answer where they end that. Undefined where there
   * is no terminal: a pipe, a CI job.
   */
  ask?: (question: string) => Promise<string>;
}

/** The command line asks for something that cannot be. */
export class UsageError extends Error {}

/** Options that every command has. */
export interface CommonOptions {
  stack: string;
  cwd: string;
  json: boolean;
}

/** A subcommand: its own part of the command line, and what it does. */
export interface Subcommand<Options extends CommonOptions> {
  name: string;
  summary: string;
  /** Options of its own, and the text of its `--help`. */
  declare(command: Command): Command;
  run(options: Options, terminal: Terminal): Promise<ExitCode>;
}

/** @param does what the command does for the stage, such as `judge` */
export function stageOption(does: string): Option {
  return new Option("--stage <stage>", `${does} for this stage instead of the stack's own`).choices(
    [...stages],
  );
}

/** What a command exits with, as {@link exitCodesHelp} explains. Scripts and CI rely on it. */
export const exitCodes = { ok: 0, findings: 1, usage: 2, failed: 3 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** For the end of every `--help`. */
export const exitCodesHelp = `
Exit codes:
  0  nothing stands in the way; what was asked for is done
  1  the answer is no: a finding blocks, or something is left to do
  2  the command line or the stack's settings are wrong; nothing was looked at
  3  it could not look, or could not do what it was told`;
