import Table from "cli-table3";
import type { PartRow } from "./types.js";

/** The parts as a table for people: part, version, origin, and a note where one is needed. */
export function formatPartTable(rows: readonly PartRow[]): string {
  const table = new Table({
    head: ["part", "version", "official / built / stand-in / given", "note"],
    style: { head: [], border: [], compact: true },
  });
  for (const { part, version, origin, note } of rows)
    table.push([part, version, origin, note ?? ""]);
  return table.toString();
}
