import assert from "node:assert/strict";

import { lastRules } from "../../../automation/stack/lastRules.js";
import type { NodeReport } from "../../../migration/rules/nodeReport.js";
import { exampleReport } from "../../support/exampleReport.js";

/* Pure: what a stack's state tells of workers' rules. */

function report(verb: NodeReport["verb"], nft: string[]): string {
  const document = exampleReport({ verb });
  return JSON.stringify({ ...document, after: { ...document.after, nft } });
}

const resource = (name: string, stdout: unknown, type = "command:remote:Command") => ({
  urn: `urn:pulumi:s::p::a$b$${type}::${name}`,
  type,
  outputs: { stdout },
});

const rulesOf = (...resources: ReturnType<typeof resource>[]) =>
  lastRules({ version: 3, deployment: { resources } });

describe("rules from the last update", () => {
  it("are what the last script on the worker left", () => {
    const rules = rulesOf(
      resource("worker-1-cutover-rehearsal-removal", report("remove", ["after the rehearsal"])),
      resource("worker-1-cutover-removal", report("remove", ["after the removal"])),
      resource("a-b-cutover-removal", report("remove", ["of a-b"])),
    );
    assert.deepEqual(rules, {
      "worker-1": [{ backend: "nft", rules: ["after the rehearsal"] }],
      "a-b": [{ backend: "nft", rules: ["of a-b"] }],
    });
  });

  it("are not known where nothing, or nothing readable, was reported", () => {
    assert.deepEqual(lastRules({ version: 3, deployment: undefined }), {});
    assert.deepEqual(
      rulesOf(
        resource("worker-1-cutover-removal", "garbage"),
        resource("worker-2-cutover-removal", undefined),
        resource("worker-3-cutover-removal", report("remove", []), "command:local:Command"),
      ),
      {},
    );
  });
});
