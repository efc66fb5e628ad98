import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { fetchCause } from "../../../gates/kiam/fetchFailure.js";
import { analyseServerLog } from "../../../gates/kiam/serverLog.js";

const base = "arn:aws:iam::123456789012:role/";

function failures(name: string): string[] {
  const text = readFileSync(join(__dirname, "logs", `${name}.log`), "utf8");
  const { failed, fatal } = analyseServerLog(text, base);
  return [...failed.values(), ...fatal];
}

describe("the cause of a failure to fetch", () => {
  it("is an unknown certificate authority", () => {
    for (const message of failures("unknown-authority")) {
      assert.deepEqual(fetchCause(message), { kind: "ca" });
    }
  });

  it("is name resolution, which kiam words as an endpoint that does not exist", () => {
    assert.deepEqual(failures("no-endpoint").map(fetchCause), [{ kind: "dns" }]);
  });

  it("is a refusal: of the application role to the server role", () => {
    assert.deepEqual(failures("fetched-and-denied").map(fetchCause), [
      {
        kind: "denied",
        caller: "arn:aws:sts::123456789012:assumed-role/kiam-server/kiam-kiam",
        resource: `${base}app-denied`,
      },
    ]);
  });

  it("is a refusal: of the server role to the masters", () => {
    const causes = failures("server-role-denied").map(fetchCause);
    assert.equal(causes.length, 4);
    for (const cause of causes) {
      assert.deepEqual(cause, {
        kind: "denied",
        caller: "arn:aws:sts::123456789012:assumed-role/masters.lab/i-0123",
        resource: `${base}kiam-server`,
      });
    }
  });

  for (const [kind, message] of [
    ["no-credentials", "NoCredentialProviders: no valid providers in chain"],
    [
      "unreachable",
      "RequestError: send request failed\ncaused by: dial tcp 1.2.3.4:443: i/o timeout",
    ],
    ["duration", "ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration"],
    ["other", "Throttling: Rate exceeded"],
  ] as const) {
    it(`is ${kind}: ${message.slice(0, 40)}…`, () => {
      assert.equal(fetchCause(message).kind, kind);
    });
  }
});
