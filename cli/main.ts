import { Command, CommanderError, Option } from "commander";

import { createProgress } from "../automation/progress.js";
import { SettingsError } from "../migration/settings/parse.js";
import { shown } from "../migration/text/shown.js";
import { messageOf } from "../migration/text/text.js";
import { auditCommand } from "./audit/auditCommand.js";
import {
  exitCodes,
  exitCodesHelp,
  type CommonOptions,
  type ExitCode,
  type Subcommand,
  type Terminal,
} from "./command.js";
import { permittedCommand } from "./permitted/permittedCommand.js";
import { planCommand } from "./plan/planCommand.js";
import { pullRequestCommand } from "./pullRequest/pullRequestCommand.js";
import { trustCommand } from "./trust/trustCommand.js";

/**
 * `kiam-migrate`: looks at a cluster, judges it, and shows what the migration will do.
 *
 * @param args what follows the command's name
 */
export async function kiamMigrate(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let result: ExitCode = exitCodes.ok;
  const program = new Command("kiam-migrate")
    .description(
      "Looks at a live cluster before and while it moves from kube2iam to kiam.\n" +
        "Changes nothing, unless a command is told to by --approve.",
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
  pulumi up --stack staging                           moves the cluster

They read the stack's settings with the pulumi command, and the cluster with the
kubeconfig and AWS credentials of the environment, as pulumi up does. The answer
goes to standard output, what they are at to standard error.
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
          .requiredOption("--stack <name>", "the Pulumi stack, such as staging")
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
        result = await subcommand.run(options, terminal);
      });
  };
  add(auditCommand);
  add(planCommand);
  add(permittedCommand);
  add(trustCommand);
  add(pullRequestCommand);
  try {
    await program.parseAsync(args, { from: "user" });
    return result;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    terminal.progress.note(messageOf(error));
    return error instanceof SettingsError ? exitCodes.usage : exitCodes.failed;
  }
}

/** The command's answer on standard output, what it is at on standard error. */
export function processTerminal(): Terminal {
  return {
    answer: (text) => void process.stdout.write(`${shown(text)}\n`),
    progress: createProgress(process.stderr),
  };
}
