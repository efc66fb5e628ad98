/** Pure: reading the node script's document. That the script prints such ones: test/worker. */
import assert from "node:assert/strict";
import { parseNodeReport } from "../../../migration/rules/nodeReport.js";
import { exampleReport } from "../../support/exampleReport.js";

const report = exampleReport({
  outcome: "refused",
  backends: [{ name: "nft", tool: "iptables-nft", state: "read", detail: "" }],
  findings: [
    { severity: "problem", code: "rule-absent", message: "kiam's rule is not here" },
    { severity: "notice", code: "backend-absent", message: "no nft" },
  ],
});

describe("nodeReport", () => {
  it("reads the document", () => {
    assert.deepEqual(parseNodeReport(`${JSON.stringify(report)}\n`), report);
  });

  it("says what came instead", () => {
    assert.throws(() => parseNodeReport(""), /answer is empty/);
    assert.throws(() => parseNodeReport("Welcome to Ubuntu\n{}"), /is not JSON.*Welcome to Ubuntu/);
    assert.throws(
      () => parseNodeReport(JSON.stringify({ ...report, version: 2 })),
      /has another form[^]*version/,
    );
    assert.throws(
      () => parseNodeReport(JSON.stringify({ ...report, outcome: "?" })),
      /run inspect/,
    );
  });
});
