import { diffArrays } from "diff";

import type { WorkerPreview } from "../preview/planPreview.js";
import type { BackendRules } from "./nodeReport.js";

/** Workers whose rules change in the same way, but for their own address. */
export interface RuleChange {
  workers: string[];
  /**
   * Lines of a diff: ` ` stays, `-` goes, `+` comes; the workers' own address reads HOST_IP.
   * Empty where their rules are not known.
   */
  lines: string[];
  changes: boolean;
  /** Where the present rules were read, or why they were not. */
  source: string;
}

/** The present rules beside the planned ones, workers of the same change together, in plan order. */
export function ruleChanges(workers: readonly WorkerPreview[]): RuleChange[] {
  const changes = new Map<string, RuleChange>();
  for (const { name, hostIp, rules } of workers) {
    const source =
      "unread" in rules
        ? `not known: ${rules.unread}`
        : { ssh: "read over SSH just now", "last-update": "as the last update left them" }[
            rules.from
          ];
    const lines =
      "unread" in rules ? [] : diffOf(rules.present, rules.planned).map(withoutAddress(hostIp));
    const key = JSON.stringify([source, lines]);
    const change = changes.get(key) ?? {
      workers: [],
      lines,
      changes: lines.some((line) => /^[-+]/.test(line)),
      source,
    };
    change.workers.push(name);
    changes.set(key, change);
  }
  return [...changes.values()];
}

function diffOf(present: readonly BackendRules[], planned: readonly BackendRules[]): string[] {
  return planned.flatMap(({ backend, rules }) => {
    const before = present.find((each) => each.backend === backend)?.rules ?? [];
    const lines = diffArrays(before, rules).flatMap(({ value, added, removed }) =>
      value.map((rule) => `${added ? "+" : removed ? "-" : " "} ${rule}`),
    );
    // Which tables they stand in is worth a line only where it is not the usual ones.
    return planned.length === 1 && backend === "nft"
      ? lines
      : [`@@ ${backend} tables @@`, ...lines];
  });
}

function withoutAddress(hostIp: string | undefined): (line: string) => string {
  if (hostIp === undefined) return (line) => line;
  const address = new RegExp(`(?<![0-9.])${hostIp.replaceAll(".", "\\.")}(?=:)`, "g");
  return (line) => line.replace(address, "HOST_IP");
}
