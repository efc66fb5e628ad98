import { Command, InvalidArgumentError, Option } from "commander";

import { stages, type Stage } from "../migration/stages.js";
import { MAX_WORKERS } from "./cluster/topology.js";
import { GIVEN_PARTS, givenParts, type GivenPart, type GivenParts } from "./parts/given.js";

export interface LabOptions {
  /** Stage to stop at; unset: forward to the end, back, and forward again. */
  to?: Stage;
  /** Move nothing, and open a shell for the cluster. */
  shell: boolean;
  /** Leave the cluster running. */
  keep: boolean;
  /** Number of workers. */
  workers: number;
  /** Take a running cluster down, and do nothing else. */
  down: boolean;
  /** Whether missing Debian packages may be installed. */
  install: boolean;
  given: GivenParts;
}

/** Reads the command line of `npm start`. Ends the process for --help and for what it can't read. */
export function parseLabOptions(args: readonly string[]): LabOptions {
  const command = new Command("npm start --")
    .description(
      "Boots a Kubernetes cluster on this machine that runs kube2iam, moves it to kiam, back, and to kiam again,\n" +
        "under a continuous load of credential requests, and reports what every pod was answered.\n" +
        "Needs Linux and root. Everything lives in network namespaces of its own and is removed at the end.",
    )
    .addOption(
      new Option("--to <stage>", "move forward to this stage and end there").choices([...stages]),
    )
    .addOption(
      new Option(
        "--shell",
        "move nothing: open a shell in which pulumi, kiam-migrate, kubectl and ssh work for stack lab",
      )
        .default(false)
        .conflicts(["to", "down"]),
    )
    .option(
      "--keep",
      "leave the cluster running and print how to use kubectl, pulumi and ssh with it",
      false,
    )
    .option("--workers <n>", `number of workers, 1 to ${MAX_WORKERS}`, workerCount, 3)
    .option("--down", "take the running cluster down, and nothing else", false)
    .option("--no-install", "do not install missing Debian packages; print the command instead")
    .addHelpText(
      "after",
      "\nEach part of the cluster is looked for as given here, as the official download, as a build from the Go\n" +
        "module registry, and last as a stand-in; the table at the end says which it was.\n" +
        "Exit status: 0 when no request failed and every worker ended where it should, 1 otherwise. With --shell and\n" +
        "commands on standard input instead of a terminal, it is also that of the last command.",
    );
  for (const { flag, variable, describes } of Object.values(GIVEN_PARTS)) {
    command.option(flag, `${describes} (or ${variable})`);
  }
  const values = command
    .parse(args, { from: "user" })
    .opts<Omit<LabOptions, "given"> & Partial<Record<GivenPart, string>>>();
  const { to, shell, keep, workers, down, install, ...given } = values;
  return { to, shell, keep, workers, down, install, given: givenParts(given) };
}

function workerCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > MAX_WORKERS) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_WORKERS}.`);
  }
  return count;
}
