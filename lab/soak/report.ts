import Table from "cli-table3";

import type { NodeAccount } from "./accounts.js";
import { around, type Answers, type Disturbance, type Judged } from "./answers.js";

/** No colours and no blank cells: the same in a terminal and in a log. */
const style = { head: [], border: [] };

/** Failed and wrong requests that are listed one by one. */
const mostListed = 20;

export interface SoakResult {
  minutes: number;
  moves: number;
  /** Updates that failed while an event was on, or before one that succeeded. */
  failedMoves: number;
  stage: string;
  answers: Answers;
  judged: Judged;
  disturbances: readonly Disturbance[];
  nodes: readonly { account: NodeAccount; shortcomings: string[] }[];
  /** What fails the soak beside answers and nodes. */
  problems: readonly string[];
}

/** Why the soak failed; empty when it did not. */
export function verdict({ answers, judged, nodes, problems }: SoakResult): string[] {
  return [
    ...problems,
    ...(answers.requests === 0 ? ["no request was counted"] : []),
    ...(answers.wrong.length === 0
      ? []
      : [`${answers.wrong.length} requests were answered with a wrong identity`]),
    ...(judged.unexplained.length === 0
      ? []
      : [
          `${judged.unexplained.length} requests failed though no event had taken the only path away`,
        ]),
    ...nodes.flatMap(({ account, shortcomings }) =>
      shortcomings.map((each) => `${account.name}: ${each}`),
    ),
  ];
}

export function formatSoak(result: SoakResult): string {
  const { answers, judged, disturbances } = result;
  const listed = [...answers.wrong, ...judged.unexplained].slice(0, mostListed);
  return [
    requestTable(result),
    nodeTable(result),
    ...listed.map((record) =>
      [
        `${record.time} ${record.namespace}/${record.pod} (${record.mode}) on ${record.node}: ${record.kind}, ${record.error ?? record.identity ?? record.role ?? ""}`,
        ...around(record, disturbances).map((line) => `  ${line}`),
      ].join("\n"),
    ),
  ].join("\n\n");
}

function requestTable({
  minutes,
  moves,
  failedMoves,
  stage,
  answers,
  judged,
  disturbances,
}: SoakResult) {
  const table = new Table({ style });
  const explained = [...judged.explained].map(([why, count]) => `${count}: ${why}`);
  const sum = [...judged.explained.values()].reduce((total, count) => total + count, 0);
  table.push(
    { minutes: minutes.toFixed(1) },
    { "updates that succeeded": `${moves}, the last to stage ${stage}` },
    { "updates that failed, and were repeated": failedMoves },
    { events: counted(disturbances.map(({ kind }) => kind)) || "none" },
    { "credential requests": answers.requests },
    { "failed where an event took the only path away": [sum, ...explained].join("\n") },
    { "failed otherwise": judged.unexplained.length },
    { "wrong identity": answers.wrong.length },
    ...[...judged.gaps].map(([cause, gap]) => ({
      [`longest gap by ${cause}`]: `${Math.round(gap)} ms`,
    })),
  );
  return table.toString();
}

function nodeTable({ nodes }: SoakResult): string {
  const table = new Table({ head: ["node", "who answers", "rules", "as it should be"], style });
  for (const { account, shortcomings } of nodes) {
    const of = account.master
      ? ["(master)", "(master)"]
      : [account.answers, account.rules || "none"];
    table.push([account.name, ...of, shortcomings.length === 0 ? "yes" : shortcomings.join("\n")]);
  }
  return table.toString();
}

/** `join 2, leave 1`. */
function counted(words: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => `${word} ${count}`).join(", ");
}
