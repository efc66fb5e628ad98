import { createInterface } from "node:readline";

import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";

import { WrongWayError } from "../automation/move/destination.js";
import { createProgress } from "../automation/progress.js";
import { useInstalledPulumi } from "../automation/stack/installedPulumi.js";
import { SettingsError } from "../migration/settings/parse.js";
import { shown, shownLine } from "../migration/text/shown.js";
import { messageOf } from "../migration/text/text.js";
import { auditCommand } from "./audit/auditCommand.js";
import {
  exitCodes,
  exitCodesHelp,
  UsageError,
  type CommonOptions,
  type ExitCode,
  type Subcommand,
  type Terminal,
} from "./command.js";
import { completionScript, shells, type Shell } from "./completion/completionScript.js";
import { migrateCommand } from "./migrate/migrateCommand.js";
import { newNodesCommand } from "./newNodes/newNodesCommand.js";
import { permittedCommand } from "./permitted/permittedCommand.js";
import { planCommand } from "./plan/planCommand.js";
import { pullRequestCommand } from "./pullRequest/pullRequestCommand.js";
import { recoverCommand } from "./recover/recoverCommand.js";
import { rollbackCommand } from "./rollback/rollbackCommand.js";
import { statusCommand } from "./status/statusCommand.js";
import { trustCommand } from "./trust/trustCommand.js";

/**
 * `kiam-migrate`: looks at a cluster, judges it, and shows what the migration will do.
 *
 * @param args what follows the command's name
 */
export async function kiamMigrate(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  useInstalledPulumi();
  let result: ExitCode = exitCodes.ok;
  const program = commandLine(terminal, (code) => (result = code));
  try {
    await program.parseAsync(args, { from: "user" });
    return result;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    terminal.progress.note(messageOf(error));
    const usage =
      error instanceof SettingsError ||
      error instanceof UsageError ||
      error instanceof WrongWayError;
    return usage ? exitCodes.usage : exitCodes.failed;
  }
}

/**
 * All commands with their options and help.
 *
 * @param end is told with which exit code a command has ended
 */
export function commandLine(terminal: Terminal, end: (code: ExitCode) => void): Command {
  const program = new Command("kiam-migrate")
    .description(
      "Moves a live cluster from kube2iam to kiam, stage by stage, and back.\n" +
        "Changes nothing unless it is told to: by an answer to its question, --approve or --yes.",
    )
    .addHelpText(
      "after",
      `
How the commands go together:
  kiam-migrate audit --stack staging --stage retire   what is in the way
  kiam-migrate permitted --stack staging              roles to permit
  kiam-migrate trust --stack staging                  trust that is missing
  kiam-migrate trust --stack staging --approve        adds it
  kiam-migrate plan --stack staging --stage cutover   waves, steps and rules
  kiam-migrate pull-request --stack staging           all of it, for a pull request
  kiam-migrate migrate --stack staging --to cutover   moves the cluster
  kiam-migrate status --stack staging                 where it stands, worker by worker
  kiam-migrate rollback --stack staging --to agent    takes it back
  kiam-migrate recover --stack staging                after an update that was cut short
  kiam-migrate new-nodes --stack staging              what goes into node groups

pulumi up moves it as well, at the stage of its settings: both have one stack.

They read the stack's settings with the pulumi that is installed (with the one that
npm ci brings where there is none), and the cluster with the kubeconfig and AWS
credentials of the environment, as pulumi up does. The answer goes to standard
output, what they are at to standard error.
${exitCodesHelp}`,
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.answer(text.trimEnd()),
      writeErr: (text) => terminal.progress.note(text.trimEnd()),
    });
  const add = <Options extends CommonOptions>(subcommand: Subcommand<Options>) => {
    subcommand
      .declare(
        program
          .command(subcommand.name)
          .summary(subcommand.summary)
          .addOption(stackOption())
          .addOption(
            new Option("--cwd <directory>", "where Pulumi.yaml is").default(
              process.cwd(),
              "the current directory",
            ),
          )
          .option("--json", "print the answer as JSON", false),
      )
      .addHelpText("after", exitCodesHelp)
      .action(async (options: Options) => {
        end(await subcommand.run(options, terminal));
      });
  };
  add(auditCommand);
  add(planCommand);
  add(permittedCommand);
  add(trustCommand);
  add(migrateCommand);
  add(statusCommand);
  add(rollbackCommand);
  add(recoverCommand);
  add(newNodesCommand);
  add(pullRequestCommand);
  addCompletion(program, terminal);
  return program;
}

function addCompletion(program: Command, terminal: Terminal): void {
  program
    .command("completion")
    .summary("print the completion of this command line for a shell")
    .description(
      "Prints a script that has the shell complete commands, options, stages and stacks.",
    )
    .addArgument(new Argument("<shell>", "which shell").choices(shells))
    .addHelpText(
      "after",
      `
To use it, put two lines into ~/.bashrc, or with zsh into ~/.zshrc:
  alias kiam-migrate=/path/to/kube2iam-to-kiam/bin/kiam-migrate.mjs
  source <(kiam-migrate completion bash)`,
    )
    .action((shell: Shell) => terminal.answer(completionScript(program, shell).trimEnd()));
}

/** As for the command pulumi, PULUMI_STACK names the stack where the command line does not. */
function stackOption(): Option {
  return new Option("--stack <name>", "the Pulumi stack, such as staging")
    .env("PULUMI_STACK")
    .argParser((name) => {
      if (name === "") throw new InvalidArgumentError("It is empty.");
      return name;
    })
    .makeOptionMandatory();
}

/** The command's answer on standard output, what it is at on standard error. */
export function processTerminal(): Terminal {
  // As in `| head`, or on a terminal that was closed. An answer comes when all else is done, or is
  // repeated for as long as it is read.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
    process.exit();
  });
  // An update in hand is not given up because its progress is no longer read.
  process.stderr.on("error", () => {});
  return {
    answer: (text) => void process.stdout.write(`${shown(text)}\n`),
    progress: createProgress(process.stderr),
    ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
  };
}

function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  return new Promise((resolve) => {
    // Ctrl-C and Ctrl-D end it without an answer.
    terminal.once("close", () => resolve(""));
    terminal.question(`${shownLine(question)} `, (answer) => {
      resolve(answer);
      terminal.close();
    });
  });
}
