import type { Command } from "commander";

import { silentProgress } from "../automation/progress.js";
import { commandLine } from "./main.js";

/** Columns of the help on the page, whatever terminal it is made in. */
const width = 100;

/** docs/cli.md: what `kiam-migrate` and each of its commands print for `--help`. */
export function cliPage(): string {
  const printed: string[] = [];
  const terminal = { answer: (text: string) => void printed.push(text), progress: silentProgress };
  const program = commandLine(terminal, () => {});
  const helpOf = (command: Command): string[] => {
    printed.length = 0;
    command.configureOutput({ getOutHelpWidth: () => width, getOutHasColors: () => false });
    command.outputHelp();
    return ["```text", ...printed, "```"];
  };
  return [
    "# The command kiam-migrate",
    "",
    "What the command prints for `--help`, put here by `npm run docs:cli`. From a checkout it is run as",
    "`npx kiam-migrate`; [the README](../README.md#first-steps-on-your-own-cluster) has the commands in their order.",
    "",
    ...helpOf(program),
    ...program.commands.flatMap((command) => [
      "",
      `## ${command.name()}`,
      "",
      `To ${command.summary()}.`,
      "",
      ...helpOf(command),
    ]),
    "",
  ].join("\n");
}
