import type { Finding } from "../audit/finding.js";
import type { Section } from "../text/fit.js";
import { codeInMarkdown, inMarkdown } from "../text/shown.js";
import { groupedBy, someOf } from "../text/text.js";
import { sameTogether, type SharedFinding } from "./describeFindings.js";

/** Of each code, as many are read out: after these a reviewer knows what it is about. */
const ofEachCode = 3;

/** A list of findings for a pull request's comment: a few of each code, and how many others there are. */
export function findingsSection(findings: readonly Finding[]): Section {
  return {
    blocks: [...groupedBy(findings, ({ code }) => code)].flatMap(([code, ofCode]) => {
      const items = sameTogether(ofCode);
      const others = items.slice(ofEachCode).reduce((sum, { objects }) => sum + objects.length, 0);
      const rest = others === 0 ? [] : [`- … and ${others} more of \`${code}\``];
      return [...items.slice(0, ofEachCode).map(itemOf), ...rest];
    }),
    leftOut: (rest) => `- ${andMore(rest)}`,
  };
}

function itemOf({ code, objects, seen, fix, acknowledged }: SharedFinding): string {
  const about = someOf(objects.map(codeInMarkdown), 5);
  const then =
    acknowledged === undefined
      ? `To do: ${inMarkdown(fix)}`
      : `Acknowledged: ${inMarkdown(acknowledged)}`;
  return `- ${about}: ${inMarkdown(seen)} (\`${code}\`). ${then}`;
}

/** Said where a comment has no room for the rest. */
export function andMore(rest: number): string {
  return `… and ${rest} more, for which there is no room here`;
}
