import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { format, resolveConfig } from "prettier";

import { acknowledge } from "../../migration/audit/acknowledge.js";
import { isBlocking, type Finding } from "../../migration/audit/finding.js";
import { findingsPage } from "../../migration/audit/findingsPage.js";
import { parseSettings, SettingsError } from "../../migration/parseSettings.js";
import { exampleSettings } from "../support/exampleCluster.js";

/* Pure: what somebody accepts blocks no more, and nothing else does. */

const finding = (change: Partial<Finding>): Finding => ({
  code: "role-not-permitted",
  severity: "blocks",
  object: "namespace/orders",
  seen: "…",
  why: "…",
  fix: "…",
  ...change,
});

const accepted = {
  code: "role-not-permitted",
  object: "namespace/orders",
  reason: "its owners know",
} as const;

describe("acknowledged findings", () => {
  it("block no more, are still listed and say why", () => {
    const list = acknowledge([finding({})], [accepted]);
    assert.deepEqual(list, [finding({ acknowledged: "its owners know" })]);
    assert.deepEqual(list.filter(isBlocking), []);
  });

  it("are meant by code and object, both", () => {
    const list = acknowledge(
      [finding({ object: "namespace/payments" }), finding({ code: "role-not-assumable" })],
      [accepted],
    );
    assert.equal(list.filter(isBlocking).length, 2);
    assert.deepEqual(
      list
        .filter((each) => each.code === "acknowledgement-without-effect")
        .map((each) => each.object),
      ["namespace/orders"],
    );
  });

  it("cannot be what no plan can be made with", () => {
    const list = acknowledge(
      [finding({ code: "no-worker", object: "cluster" })],
      [{ code: "no-worker", object: "cluster", reason: "…" }],
    );
    assert.deepEqual(
      list.map((each) => each.code),
      ["no-worker", "acknowledgement-without-effect"],
    );
    assert.equal(list.filter(isBlocking).length, 1);
  });

  it("need a code that exists and a reason", () => {
    const acknowledged = [{ code: "no-such-code", object: "x", reason: " " }];
    assert.throws(
      () => parseSettings({ ...exampleSettings(), audit: { acknowledged } }),
      (error) =>
        error instanceof SettingsError &&
        /audit\.acknowledged\.0\.code.*docs\/findings\.md/.test(error.message) &&
        /audit\.acknowledged\.0\.reason.*must say why/.test(error.message),
    );
  });
});

describe("docs/findings.md", () => {
  it("lists every code, as npm run docs:findings writes it", async () => {
    const path = join(__dirname, "../../docs/findings.md");
    const options = await resolveConfig(path);
    assert.equal(
      await readFile(path, "utf8"),
      await format(findingsPage(), { ...options, parser: "markdown" }),
    );
  });
});
