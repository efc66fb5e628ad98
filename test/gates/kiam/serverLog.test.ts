import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { analyseServerLog } from "../../../gates/kiam/serverLog.js";

const base = "arn:aws:iam::123456789012:role/";

/** Logs of the official kiam v4.2 server, `--json-log`, against a real API server. */
const log = (name: string) => readFileSync(join(__dirname, "logs", `${name}.log`), "utf8");

describe("the log of kiam's server", () => {
  it("tells fetched roles by ARN, whatever form the annotation has, from refused ones", () => {
    const { fetched, failed, fatal, other } = analyseServerLog(log("fetched-and-denied"), base);
    assert.deepEqual([...fetched].sort(), [
      `${base}app-orders`,
      `${base}app-reports`,
      `${base}teams/payments/app-payments`,
    ]);
    assert.deepEqual([...failed.keys()], [`${base}app-denied`]);
    assert.match(failed.get(`${base}app-denied`) ?? "", /^AccessDenied: User: /);
    assert.deepEqual({ fatal, other }, { fatal: [], other: [] });
  });

  it("has each role once where all fail for one reason", () => {
    const { fetched, failed } = analyseServerLog(log("unknown-authority"), base);
    assert.equal(fetched.size, 0);
    assert.equal(failed.size, 4);
    for (const message of failed.values()) assert.match(message, /x509/);
  });

  it("knows what ended the server", () => {
    const { fatal } = analyseServerLog(log("no-endpoint"), base);
    assert.deepEqual(fatal, [
      "error using AWS STS Gateway: Regional STS endpoint does not exist: sts.us-east-1.amazonaws.com",
    ]);
  });

  it("forgets a failure after a success, and a success after a failure", () => {
    const line = (level: string, msg: string) =>
      JSON.stringify({ level, msg, "pod.iam.role": "/app", time: "t" });
    const good = line("info", "fetched credentials");
    const bad = line("error", "error warming credentials: AccessDenied: no");
    assert.deepEqual([...analyseServerLog(`${bad}\n${good}`, base).failed], []);
    assert.deepEqual([...analyseServerLog(`${good}\n${bad}`, base).fetched], []);
  });

  it("is not disturbed by other lines, and keeps errors that it does not know", () => {
    const noise = [
      "W1123 05:00:00 reflector.go:1] Failed to list *v1.Pod: pods is forbidden: User x cannot list",
      '{"level":"error","msg":"error finding pod: pod not found","pod.ip":"10.0.0.1"}',
      '{"level":"error","msg":"something new"}',
      '{"level":"error"}',
      "{broken",
    ].join("\n");
    const { forbidden, other, failed } = analyseServerLog(noise, base);
    assert.deepEqual(forbidden, ["Failed to list *v1.Pod: pods is forbidden: User x cannot list"]);
    assert.deepEqual(other, ["something new"]);
    assert.equal(failed.size, 0);
  });
});
