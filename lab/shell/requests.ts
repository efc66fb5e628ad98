/* The command `requests` of the lab's shell: what the applications were answered so far. */
import { messageOf } from "../../migration/text/text.js";
import { labPaths } from "../paths.js";
import { formatRequests, requestProblems } from "../report.js";
import { readLabRecords } from "../workload/records.js";
import { summarise } from "../workload/summary.js";

async function main(): Promise<number> {
  const summary = await summarise(readLabRecords(labPaths()), { until: Date.now() });
  console.log(formatRequests(summary));
  return requestProblems(summary).length === 0 ? 0 : 1;
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(messageOf(error));
    process.exit(1);
  },
);
