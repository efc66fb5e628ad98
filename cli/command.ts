import type { Command } from "commander";

import type { Progress } from "../automation/progress.js";
import type { ExitCode } from "./exitCodes.js";

/** Where a command says things: its answer, and what it is at. */
export interface Terminal {
  /** Standard output: nothing but the answer, so that it can be piped. */
  answer(text: string): void;
  /** Standard error. */
  progress: Progress;
}

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
