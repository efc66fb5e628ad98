import Table from "cli-table3";

import { formatElapsed } from "../automation/progress.js";
import type { Journey, Leg } from "./journey.js";
import type { Summary } from "./workload/summary.js";

/** Fewest requests that say something about a whole journey. */
const enoughRequests = 20_000;

/** What `npm start` says at the end, for people. */
export function formatReport(journey: Journey, summary: Summary): string {
  return [stageTable(journey, summary), ruleReport(journey), formatRequests(summary)].join("\n\n");
}

/** What the applications were answered, and the first requests that failed or were wrong. */
export function formatRequests(summary: Summary): string {
  return [
    requestTable(summary),
    ...summary.examples.map(
      (record) =>
        `  ${record.time} ${record.namespace}/${record.pod} on ${record.node}: ${record.kind}, ${record.error ?? record.identity ?? ""}`,
    ),
  ].join("\n\n");
}

function stageTable(journey: Journey, summary: Summary): string {
  const table = new Table({
    head: ["stage", "took", "requests", "failed", "wrong", "longest gap"],
    style: plain,
  });
  for (const leg of journey.legs) {
    const window = summary.windows.find((each) => each.name === leg.name);
    table.push([
      leg.name,
      formatElapsed(leg.move.milliseconds),
      window?.requests ?? 0,
      window?.failed ?? 0,
      window?.wrong ?? 0,
      `${Math.round(window?.longestGap ?? 0)} ms`,
    ]);
  }
  return table.toString();
}

/** Per worker the rules that intercept instance metadata, before, during and after; others only counted. */
function ruleReport(journey: Journey): string {
  const workers = Object.keys(journey.before);
  const shown = [
    { name: "before", rules: journey.before },
    ...journey.legs.map((leg: Leg) => ({ name: leg.name, rules: leg.rules })),
  ];
  return workers
    .map((worker) => {
      const lines: string[] = [];
      let last = "";
      for (const { name, rules } of shown) {
        const all = rules[worker] ?? [];
        const own = all.flatMap((rule, index) =>
          rule.includes("169.254.169.254") ? [`${index + 1}. ${rule}`] : [],
        );
        const text = own.length === 0 ? "(none)" : own.join("\n" + " ".repeat(26));
        lines.push(`  ${name.padEnd(22)}  ${text === last ? "the same" : text}`);
        last = text;
      }
      return [
        `${worker}: nat/PREROUTING rules for 169.254.169.254, with their positions`,
        ...lines,
      ].join("\n");
    })
    .join("\n\n");
}

function requestTable(summary: Summary): string {
  const table = new Table({ style: plain });
  const causes = Object.entries(summary.causes).map(([cause, count]) => `${cause}: ${count}`);
  table.push(
    { "credential requests": summary.requests },
    {
      clients: `${summary.clients}: in each pod one on fresh connections and one that keeps its own`,
    },
    { failed: causes.length === 0 ? summary.failed : `${summary.failed} (${causes.join(", ")})` },
    { "wrong identity": `${summary.wrong} (the node's own role: ${summary.nodeOwnRole})` },
    ...Object.entries(summary.longestGapByNode)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([node, gap]) => ({ [`longest gap on ${node}`]: `${Math.round(gap)} ms` })),
  );
  return table.toString();
}

/** No colours and no blank cells: the same in a terminal and in a log. */
const plain = { head: [], border: [] };

/** What did not go as it should; empty when all is well. */
export function shortcomings(journey: Journey, summary: Summary, complete: boolean): string[] {
  return [
    ...(journey.failure === undefined ? [] : [journey.failure.message]),
    ...journey.legs.flatMap((leg) => leg.problems.map((problem) => `${leg.name}: ${problem}`)),
    ...requestProblems(summary),
    ...(complete && summary.requests < enoughRequests
      ? [
          `only ${summary.requests} credential requests were made; a whole journey has to be seen by ${enoughRequests}`,
        ]
      : []),
  ];
}

/** Requests that were not answered as they should have been; empty when all were. */
export function requestProblems({ failed, wrong }: Summary): string[] {
  return [
    ...(failed === 0 ? [] : [`${failed} credential requests failed`]),
    ...(wrong === 0 ? [] : [`${wrong} credential requests were answered with a wrong identity`]),
  ];
}
