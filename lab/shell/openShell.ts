import { isatty } from "node:tty";

import { execa } from "execa";

import type { Progress } from "../../automation/progress.js";
import { count, messageOf } from "../../migration/text/text.js";
import type { Cluster } from "../cluster/cluster.js";
import { inOperatorNetwork } from "../inOperatorNetwork.js";
import type { Interruption } from "../interruption.js";
import { formatRequests, requestProblems } from "../report.js";
import { readLabRecords } from "../workload/records.js";
import { summarise } from "../workload/summary.js";
import { shellPlaces } from "./places.js";
import type { ShellParts } from "./prepare.js";
import { describeTour } from "./tour.js";

export interface ShellOptions {
  cluster: Cluster;
  parts: ShellParts;
  /** Whether the cluster stays when the shell is left. */
  keep: boolean;
  interruption: Interruption;
  progress: Progress;
}

/**
 * `npm start -- --shell`: the cluster under load, nothing moved, and a shell in which a person tries
 * things. Returns when the shell is left; the cluster still runs then.
 *
 * @returns status for the program to exit with
 */
export async function openShell(options: ShellOptions): Promise<number> {
  const { cluster, parts, interruption, progress } = options;
  const { engine, plugins, kubernetes } = parts;
  const preparing = inOperatorNetwork<void>(require.resolve("./prepare.ts"), "prepareShell", [
    { engine, plugins, kubernetes },
  ]);
  await cluster.guard(interruption.passTo(preparing));
  if (interruption.happened) return 1;
  // Not process.stdin.isTTY: to ask it opens the stream, and the shell would miss what that reads.
  const interactive = isatty(0);
  progress.note(`\n${welcome(options, interactive)}\n`);
  const { exitCode, lost } = await shellOf(options);
  if (interruption.happened) return 1;
  const summary = await summarise(readLabRecords(cluster.paths), { until: Date.now() });
  const problems = [...(lost === undefined ? [] : [messageOf(lost)]), ...requestProblems(summary)];
  progress.note(`\nWhile the shell was open:\n\n${formatRequests(summary)}`);
  for (const problem of problems) progress.note(`✗ ${problem}`);
  return shellStatus({ problems, interactive, exitCode });
}

/** Runs the shell on this program's own terminal, or on what stands in for one. */
async function shellOf({
  cluster,
  interruption,
  progress,
}: ShellOptions): Promise<{ exitCode?: number; lost?: unknown }> {
  const shell = execa(shellPlaces(cluster.paths).entrance, { stdio: "inherit", reject: false });
  // An interactive bash ends by no other signal that can be caught.
  const left = interruption.passTo({
    result: shell.then(({ exitCode }) => exitCode),
    interrupt: () => void shell.kill("SIGHUP"),
  });
  let lost: unknown;
  cluster.guard(left).catch((error: unknown) => {
    // Then it is given up on purpose.
    if (interruption.happened) return;
    lost = error;
    progress.note(
      `\nThe cluster is no longer whole: ${messageOf(error)}\nLeave the shell (exit), and begin again.`,
    );
  });
  return { exitCode: await left, lost };
}

/** For a person with another terminal, or who keeps the lab: how to open a shell for it. */
export function describeShell(cluster: Cluster): string {
  return `sudo ${shellPlaces(cluster.paths).entrance}`;
}

/** What a person has to know before the prompt. */
function welcome({ cluster, keep }: ShellOptions, interactive: boolean): string {
  return [
    `The cluster runs: 1 master, ${count(cluster.workers.length, "worker")}, kube2iam, and applications that ask for credentials without`,
    "pause. Nothing has been moved. In this shell, pulumi, kiam-migrate, kubectl and ssh work for stack lab.",
    "",
    "A tour (docs/tour.md has what each command prints):",
    "",
    describeTour(),
    "",
    "tour prints this list again, and requests says what the applications were answered so far.",
    `In another terminal: ${describeShell(cluster)}`,
    keep
      ? "exit, or Ctrl-D, leaves the shell. The cluster keeps running."
      : "exit, or Ctrl-D, leaves the shell and takes the cluster down.",
    ...(interactive
      ? []
      : [
          "",
          "Standard input is no terminal: commands are read from it until it ends. For a prompt, run this in a",
          "terminal.",
        ]),
  ].join("\n");
}

/**
 * What a shell that was left means. A person's last command says nothing of the whole; a script's
 * commands do, as in bash.
 */
export function shellStatus({
  problems,
  interactive,
  exitCode,
}: {
  problems: readonly string[];
  interactive: boolean;
  exitCode?: number;
}): number {
  if (problems.length > 0) return 1;
  return interactive ? 0 : (exitCode ?? 1);
}
