import { tour } from "./tour.js";

/** What a command of the tour printed. */
export interface Printed {
  /** Standard output and standard error. */
  text: string;
  exitCode: number;
}

const first = 40;
const last = 25;

/** docs/tour.md: each command of the tour with what it printed, in the tour's order. */
export function tourPage(printed: readonly Printed[]): string {
  if (printed.length !== tour.length) {
    throw new Error(`${printed.length} of ${tour.length} commands of the tour have an output`);
  }
  const steps = tour.map(({ command, shows }, index) => {
    const { text, exitCode } = printed[index] as Printed;
    const ends = exitCode === 0 ? [] : [`It exits with status ${exitCode}.`];
    const block = ["```", `$ ${command}`, ...shortened(text), "```"];
    return [`## ${index + 1}. ${capitalised(shows)}`, ...ends, block.join("\n")].join("\n\n");
  });
  return [head, ...steps, ""].join("\n\n").replace(/\n+$/, "\n");
}

const head = `# A tour of the lab

<!-- Made by npm run docs:tour, which runs the tour. -->

\`npm start -- --shell\` boots a cluster with kube2iam and applications that ask for credentials without pause, moves
nothing, and opens a shell. In it, \`pulumi\`, \`kiam-migrate\`, \`kubectl\` and \`ssh\` work for stack \`lab\`. It lists the
commands of this tour, and \`tour\` lists them again.

This page has what each command printed when the tour was last taken, on a machine with 2 cores. \`…\` stands for lines
that are left out, as are lines that only say that something is still going on. On a terminal \`pulumi\` and
\`kiam-migrate\` show the same with live lines, and ask where the tour says \`--yes\`.
[lab.md](lab.md#a-shell-to-try-things) says more about the shell.`;

/** What pulumi (`@ updating....`) and kiam-migrate (`… ... 16 s`) print while something goes on. */
const stillGoingOn = /^@ |^\S.* \.\.\.( |$)/;

/** The lines of an output, without those in the middle of a long one. */
function shortened(text: string): string[] {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => !stillGoingOn.test(line));
  if (lines.length <= first + last) return lines;
  return [...lines.slice(0, first), "…", ...lines.slice(-last)];
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
