import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { execa } from "execa";

import type { Scenario } from "./standIn.mjs";

/*
 * The examples that take two clusters, or workers that move, as they are run, against a stand-in of the
 * API: in which order they call what, and what they do when that goes wrong. That the calls fit the API is
 * checked by its types (test/automation/api/consumer.test.ts); what the API does, and the other
 * examples, on the real engine, are for test/engine/api.test.ts.
 */

const checkout = resolve(__dirname, "../..");

describe("examples", () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), "kiam-examples-"))));
  afterEach(() => rm(directory, { recursive: true }));

  async function example(words: string, scenario: Scenario = {}, hours = "0") {
    const [name = "", ...args] = words.split(" ");
    const calls = join(directory, "calls");
    const standIn = join(__dirname, "standIn.mts");
    const run = await execa(
      process.execPath,
      ["--import", standIn, join(checkout, "examples", name), ...args],
      {
        env: { SCENARIO: JSON.stringify(scenario), CALLS: calls, SOAK_HOURS: hours },
        reject: false,
      },
    );
    const lines = await readFile(calls, "utf8").catch(() => "");
    assert.doesNotMatch(run.stderr, /^ +at /m, "no stack trace");
    return {
      ...run,
      calls: lines
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as unknown[]),
    };
  }

  describe("promote", () => {
    it("moves staging, looks at it, and moves production", async () => {
      const { calls, stdout, stderr, exitCode } = await example("promote.mts agent");
      assert.equal(exitCode, 0, stderr);
      assert.deepEqual(calls, [
        ["openStack", "staging"],
        ["migrate", "staging", "agent", true],
        ["status", "staging"],
        ["openStack", "production"],
        ["migrate", "production", "agent", true],
      ]);
      assert.equal(stdout, "staging is at stage agent\nproduction is at stage agent");
    });

    it("leaves production alone where staging does not stay as it was moved", async () => {
      const { calls, stderr, exitCode } = await example(
        "promote.mts",
        { undone: { staging: 2 } },
        "0.00005",
      );
      assert.equal(exitCode, 1);
      assert.match(stderr, /staging did not stay as it was moved: kiam-migrate audit/);
      assert.deepEqual(calls.at(-1), ["status", "staging"]);
      assert.equal(calls.length, 4, "two looks");
    });

    for (const [what, scenario] of [
      ["has a worker that waits", { waits: ["staging"] }],
      ["fails to move", { fails: ["staging"] }],
    ] as const) {
      it(`leaves production alone where staging ${what}, and says what to type`, async () => {
        const { calls, stderr, exitCode } = await example("promote.mts cutover", scenario);
        assert.equal(exitCode, 1);
        assert.match(stderr, /^(It was not approved|A gate failed)\.\n {2}kiam-migrate status/);
        assert.deepEqual(calls.at(-1), ["migrate", "staging", "cutover", true]);
      });
    }
  });

  describe("groupByGroup", () => {
    it("moves one group after the other, with those before", async () => {
      const { calls, stdout, stderr, exitCode } = await example("groupByGroup.mts it spot gpu");
      assert.equal(exitCode, 0, stderr);
      const groupsAt = (...groups: string[]) => [
        ["openStack", "it", { workers: { groups } }],
        ["migrate", "it", "cutover", true],
        ["status", "it"],
      ];
      assert.deepEqual(calls, [...groupsAt("spot"), ...groupsAt("spot", "gpu")]);
      assert.match(
        stdout,
        /^spot: plan 0123456789ab\n {2}create gate worker-1-cutover-live\nspot: 2 of 2 workers are proven on kiam\ngpu: /,
      );
    });

    it("begins no group while something is left to do, or a move has failed", async () => {
      const left = await example("groupByGroup.mts it spot gpu", { undone: { it: 1 } });
      assert.equal(left.exitCode, 1);
      assert.match(left.stderr, /^Something is left to do: kiam-migrate status --stack it$/);
      assert.equal(left.calls.length, 3);
    });

    it("begins nothing without a group", async () => {
      const { calls, stderr, exitCode } = await example("groupByGroup.mts it");
      assert.equal(exitCode, 2);
      assert.match(stderr, /^Which groups\? .*groupByGroup\.mts it GROUP/);
      assert.deepEqual(calls, []);
    });
  });
});
